// A real application at work (fastify, typescript, terser), beside V8's own profiler: app.js APP SECONDS PROFILE. Prints `profiling`
// when it is warm and the profiler has started; works until PROFILE.stop is there, at most SECONDS, and prints `written` when its
// profile lies in PROFILE. Modules come from NODE_PATH.
'use strict';
const fs = require('fs');
const http = require('http');
const inspector = require('inspector');
const [app, seconds, file] = process.argv.slice(2);

const apps = {
  typescript() {
    const ts = require('typescript');
    const source = fs.readFileSync(__dirname + '/shapes.js', 'utf8');
    const lib = ts.getDefaultLibFilePath({});
    const text = fs.readFileSync(lib.replace(/lib\.d\.ts$/, 'lib.dom.d.ts'), 'utf8').slice(0, 400000);
    return () => {
      ts.createSourceFile('dom.d.ts', text.slice(0, text.lastIndexOf('\n}')) + '\n}', ts.ScriptTarget.Latest, true);
      ts.transpileModule(source, { compilerOptions: { target: ts.ScriptTarget.ES5, allowJs: true } });
    };
  },
  terser() {
    const { minify_sync } = require('terser');
    const source = fs.readFileSync(__dirname + '/shapes.js', 'utf8');
    return () => minify_sync(source, { compress: { passes: 2 }, mangle: true });
  },
  fastify() {
    const ejs = require('ejs');
    const page = ejs.compile('<ul><% for (const row of rows) { %><li><%= row.name %>: <%= row.value %></li><% } %></ul>');
    const rows = Array.from({ length: 60 }, (_, i) => ({ name: 'row ' + i, value: Math.sqrt(i) }));
    const server = require('fastify')();
    server.get('/page', (request, reply) => reply.type('text/html').send(page({ rows })));
    server.get('/json', () => ({ rows }));
    return new Promise((resolve) => server.listen({ port: 0, host: '127.0.0.1' }, () => {
      const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
      const { port } = server.server.address();
      const ask = (path) => new Promise((done) => http.get({ port, path, agent }, (r) => r.resume().on('end', done)));
      resolve(() => Promise.all(['/page', '/json', '/page', '/json'].map(ask)));
    }));
  },
};

async function work(step, milliseconds) {
  const until = Date.now() + milliseconds, stop = file + '.stop';
  let rounds = 0;
  for (; Date.now() < until && !(rounds % 8 === 7 && fs.existsSync(stop)); rounds++) await step();
  return rounds;
}

async function main() {
  const step = await apps[app]();
  await work(step, 2000);
  const session = new inspector.Session();
  session.connect();
  const post = (method, params) => new Promise((resolve, reject) => session.post(method, params, (e, r) => (e ? reject(e) : resolve(r))));
  await post('Profiler.enable');
  await post('Profiler.setSamplingInterval', { interval: 500 });
  await post('Profiler.start');
  console.log('profiling');
  const rounds = await work(step, 1000 * seconds);
  const { profile } = await post('Profiler.stop');
  fs.writeFileSync(file, JSON.stringify(profile));
  console.log('written', rounds);
  process.exit(0);
}
main();
