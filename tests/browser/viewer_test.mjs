// Walks through the pictures of tests/live/browser_test.py in a headless chromium: viewer_test.mjs FOLDER.
// Prints `ok   what` or `FAIL what` a line, and leaves screenshots in the folder.
import {createRequire} from 'node:module';
import {createHash} from 'node:crypto';
import {createServer} from 'node:http';
import {existsSync, mkdtempSync, readFileSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';

const puppeteer = createRequire(import.meta.url)(process.env.PUPPETEER);
const folder = process.argv[2];
const check = (good, what) => console.log((good ? 'ok   ' : 'FAIL ') + what);

const browser = await puppeteer.launch({
  executablePath: '/usr/bin/chromium', headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--user-data-dir=' + mkdtempSync(join(tmpdir(), 'sampan-chromium-'))],
});

async function open(name, size = {width: 1200, height: 800}, hash = '') {
  const page = await browser.newPage();
  page.errors = [];
  page.on('pageerror', (error) => page.errors.push(String(error)));
  await page.setViewport(size);
  await page.goto('file://' + join(folder, name) + hash);
  return page;
}
const items = (page) => page.$$eval('[role=treeitem]:not([display=none])', (all) => all.map((g) => g.getAttribute('aria-label')));
const found = (page) => page.$eval('.found', (e) => e.textContent);
const has = (list, start) => list.some((label) => label.startsWith(start));

async function clickFrame(page, start) {
  const box = await page.evaluate((wanted) => {
    const g = [...document.querySelectorAll('[role=treeitem]:not([display=none])')].find((e) => e.getAttribute('aria-label').startsWith(wanted));
    const r = g.querySelector('rect').getBoundingClientRect();
    return {x: r.x + r.width / 2, y: r.y + r.height / 2};
  }, start);
  await page.mouse.click(box.x, box.y);
}

async function search(page, text) {
  await page.$eval('input[type=search]', (e) => { e.value = ''; });
  await page.type('input[type=search]', text);
  if (text === '') await page.$eval('input[type=search]', (e) => e.dispatchEvent(new Event('input', {bubbles: true})));
  return found(page);
}

async function zoomAndBack() {
  const page = await open('small.svg');
  check(has(await items(page), 'parse'), 'the tree is drawn');
  await clickFrame(page, 'parse');
  let shown = await items(page);
  check(has(shown, 'Token.next') && !has(shown, 'load'), 'a click zooms: other branches leave');
  const url = page.url();
  check(/#.*f=\d+/.test(url), 'the zoom stands in the address');
  await page.reload();
  check(!has(await items(page), 'load'), 'a reload keeps the zoom');
  await page.goBack();
  await page.waitForFunction(() => [...document.querySelectorAll('[role=treeitem]:not([display=none])')].some((g) => g.getAttribute('aria-label').startsWith('load')), {timeout: 5000});
  check(has(await items(page), 'load'), 'Back unzooms');
  check(page.errors.length === 0, 'no script error: ' + page.errors);
  await page.close();
}

async function searching() {
  const page = await open('small.svg');
  const plain = await search(page, 'token');
  check(/1 of \d+ frames/.test(plain) && plain.includes('50.0 %'), 'plain search, no case: ' + plain);
  check(/^No |0 of/.test(await search(page, 'app.pyx')), 'nothing found says so: ' + await found(page));
  const words = await search(page, 'samples');
  check(/1 of/.test(words), 'only names are searched, not figures: ' + words);
  check((await search(page, '/^(load|parse)/')).includes('95.0 %'), 'a regular expression: ' + await found(page));
  const bad = await search(page, '/(/');
  check(await page.$eval('.found', (e) => e.classList.contains('bad')), 'a bad expression is said: ' + bad);
  await search(page, 'TOKEN');
  await page.evaluate(() => [...document.querySelectorAll('button')].find((b) => b.textContent === 'Aa').click());
  check(/^No |0 of/.test(await found(page)), 'with case: ' + await found(page));
  await page.close();
}

async function keyboard() {
  const page = await open('small.svg');
  await page.evaluate(() => document.querySelector('[role=treeitem][tabindex="0"]').focus());
  const at = () => page.evaluate(() => document.activeElement.getAttribute('aria-label') || '');
  const start = await at();
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('ArrowUp');
  check(start.startsWith('all') && /^(load|parse)/.test(await at()), 'arrows walk up the tree: ' + await at());
  await page.keyboard.press('Enter');
  check(/f=\d+/.test(page.url()), 'Enter zooms');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  check(!/f=\d+/.test(page.url()), 'Esc zooms out');
  await page.keyboard.press('/');
  check(await page.evaluate(() => document.activeElement.type === 'search'), '/ goes to the search');
  await page.close();
}

async function accessibility() {
  const page = await open('small.svg');
  const tree = await page.accessibility.snapshot({interestingOnly: false});
  const roles = new Map();
  const walk = (node) => { roles.set(node.role, (roles.get(node.role) || 0) + 1); (node.children || []).forEach(walk); };
  walk(tree);
  check(roles.get('tree') === 1 && roles.get('treeitem') >= 8, 'a tree with its items is told: ' + roles.get('treeitem'));
  const stops = await page.$$eval('[role=treeitem][tabindex="0"]:not([display=none])', (all) => all.length);
  check(stops === 1, 'one tab stop in the tree');
  check(await page.$eval('[aria-live=polite]', (e) => e.getAttribute('role') === 'status'), 'the status is announced');
  await page.close();
}

async function differences() {
  const page = await open('diff.svg');
  const shown = await items(page);
  check(shown.some((l) => l.startsWith('fresh') && l.includes('new')), 'a new frame is drawn and called so');
  check(shown.some((l) => l.startsWith('lib.so') && l.includes('gone')), 'a vanished frame is drawn and called so');
  const texts = await page.$$eval('[role=treeitem]:not([display=none]) text', (all) => all.map((t) => t.textContent));
  check(texts.some((t) => t.startsWith('+ Token')) && texts.some((t) => t.startsWith('\u2212 load')), 'signs beside the colours');
  await page.screenshot({path: join(folder, 'diff.png')});
  await page.close();
}

async function hostileNames() {
  const page = await open('hostile.svg');
  check(await page.evaluate(() => window.hurt === undefined), 'hostile names run nothing');
  const shown = await items(page);
  check(shown.length > 100 && page.errors.length === 0, 'and are drawn: ' + shown.length + ' frames');
  check(!shown.some((l) => /[\u0000-\u001f\u202a-\u202e]/.test(l)), 'without controls and direction overrides');
  await page.close();
}

async function budgets() {
  const page = await browser.newPage();
  await page.setViewport({width: 1200, height: 800});
  const begun = performance.now();
  await page.goto('file://' + join(folder, 'large.svg'));
  await page.waitForSelector('[role=treeitem]');
  const load = performance.now() - begun;
  const {zoom, query, bytes, frames} = await page.evaluate(async () => {
    const painted = () => new Promise((go) => requestAnimationFrame(() => setTimeout(go)));
    const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];
    const zooms = [], queries = [];
    for (let i = 0; i < 5; ++i) {
      const item = [...document.querySelectorAll('[role=treeitem]:not([display=none])')][3 + i];
      const box = item.querySelector('rect').getBoundingClientRect();
      let begun = performance.now();
      document.querySelector('svg.chart').dispatchEvent(new MouseEvent('click', {bubbles: true, clientX: box.x + box.width / 2, clientY: box.y + 5}));
      await painted();
      zooms.push(performance.now() - begun);
      history.back();
      await new Promise((go) => addEventListener('popstate', () => setTimeout(go, 50), {once: true}));
    }
    const input = document.querySelector('input[type=search]');
    for (const text of ['f', 'function_1', 'module_3', 'function_39', '12']) {
      input.value = text;
      const begun = performance.now();
      input.dispatchEvent(new Event('input', {bubbles: true}));
      queries.push(performance.now() - begun);
    }
    const profile = document.getElementsByTagNameNS('urn:sampan:profile', 'profile')[0];
    const tree = profile.getElementsByTagNameNS('urn:sampan:profile', 'tree')[0].textContent.length;
    return {zoom: median(zooms), query: median(queries), bytes: tree, frames: Number(profile.getAttribute('frames'))};
  });
  const text = `${frames} frames: load ${load.toFixed(0)} ms, zoom ${zoom.toFixed(0)} ms, search with redraw ${query.toFixed(1)} ms, ${(bytes / frames).toFixed(2)} bytes a frame`;
  console.log(text);
  check(bytes / frames <= 6, 'at most 6 bytes a frame; times are figures, not checks: ' + text);
  await page.close();
}

// Each way a dashboard may serve the file, and whether the script may run there.
async function embeddings() {
  const svg = readFileSync(join(folder, 'small.svg'));
  const text = svg.toString();
  const hash = (pattern) => createHash('sha256').update(text.match(pattern)[1]).digest('base64');
  const script = hash(/<script><!\[CDATA\[([\s\S]*?)\]\]><\/script>/), style = hash(/<style><!\[CDATA\[([\s\S]*?)\]\]><\/style>/);
  const hashes = `default-src 'none'; script-src 'sha256-${script}'; style-src 'sha256-${style}'`;
  const rows = {
    '/plain': [{}, true], '/hashes': [{'content-security-policy': hashes}, true],
    '/sandbox': [{'content-security-policy': hashes + '; sandbox allow-scripts'}, true],
    '/self': [{'content-security-policy': "default-src 'self'"}, false],
  };
  const server = createServer((request, response) => {
    const pages = {'/img': '<img src="/plain" width="800">', '/iframe': '<iframe sandbox="allow-scripts" src="/plain" width="1000" height="600"></iframe>'};
    if (pages[request.url]) return response.writeHead(200, {'content-type': 'text/html'}).end('<!doctype html>' + pages[request.url]);
    const row = rows[request.url];
    if (!row) return response.writeHead(404).end();
    response.writeHead(200, {'content-type': 'image/svg+xml', ...row[0]}).end(svg);
  });
  await new Promise((go) => server.listen(0, '127.0.0.1', go));
  const base = 'http://127.0.0.1:' + server.address().port;
  const live = (frame) => frame.evaluate(() => document.documentElement.classList.contains('live'));
  for (const [path, [, runs]] of Object.entries(rows)) {
    const page = await browser.newPage();
    await page.goto(base + path);
    check(await live(page) === runs, `${path}: the script ${runs ? 'runs' : 'does not run, the static picture stands'}`);
    if (!runs) check(await page.$$eval('.static rect', (all) => all.length) > 5, path + ': static frames are drawn');
    await page.close();
  }
  const page = await browser.newPage();
  await page.goto(base + '/iframe');
  const frame = await page.waitForFrame((f) => f.url().endsWith('/plain'));
  check(await live(frame), 'a sandboxed iframe with allow-scripts: the script runs');
  await page.goto(base + '/img');
  check(await page.$eval('img', (e) => e.naturalWidth > 0), 'an <img> shows the static picture');
  await page.close();
  server.close();
}

async function screenshots() {
  for (const [name, width, scheme] of [['light', 1200, 'light'], ['dark', 1200, 'dark'], ['narrow', 360, 'light'], ['wide', 3840, 'light']]) {
    const page = await browser.newPage();
    await page.setViewport({width, height: name === 'wide' ? 1200 : 800});
    await page.emulateMediaFeatures([{name: 'prefers-color-scheme', value: scheme}]);
    await page.goto('file://' + join(folder, name === 'wide' ? 'large.svg' : 'small.svg'));
    const over = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth + 1);
    check(!over, name + ': nothing is wider than the window');
    await page.screenshot({path: join(folder, name + '.png')});
    await page.close();
  }
  const page = await browser.newPage();
  await page.setJavaScriptEnabled(false);
  await page.goto('file://' + join(folder, 'small.svg'));
  await page.screenshot({path: join(folder, 'no-script.png')});
  await page.close();
}

// Where each frame stands, how it looks and what it is called, as it was when a person last looked: tests/browser/golden.
// SAMPAN_GOLDEN=write draws them anew. Names in frames are left out: how much of one fits is the fonts' matter.
async function goldens() {
  const here = join(dirname(fileURLToPath(import.meta.url)), 'golden');
  for (const [name, width, scheme, hash] of [['small', 1200, 'light', ''], ['small', 360, 'light', ''], ['small', 1200, 'dark', '#i=1&w=1'],
    ['diff', 1200, 'light', ''], ['diff', 1200, 'dark', '#r=1']]) {
    const page = await browser.newPage();
    await page.setViewport({width, height: 800});
    await page.emulateMediaFeatures([{name: 'prefers-color-scheme', value: scheme}]);
    await page.goto('file://' + join(folder, name + '.svg') + hash);
    const seen = await page.evaluate(() => [...document.querySelectorAll('[role=treeitem]:not([display=none])')].map((g) => {
      const rect = g.querySelector('rect'), style = getComputedStyle(rect);
      return [g.getAttribute('aria-label'), g.getAttribute('transform'), rect.getAttribute('width'), style.fill, style.fillOpacity].join(' | ');
    }).join('\n') + '\n');
    const file = join(here, [name, width, scheme].join('-') + '.txt');
    if (process.env.SAMPAN_GOLDEN === 'write') writeFileSync(file, seen);
    check(existsSync(file) && readFileSync(file, 'utf8') === seen, 'as kept: ' + file.split('/').pop());
    await page.close();
  }
}

// On paper: the light theme, and no controls.
async function printing() {
  const page = await browser.newPage();
  await page.emulateMediaFeatures([{name: 'prefers-color-scheme', value: 'dark'}]);
  await page.goto('file://' + join(folder, 'small.svg'));
  const pdf = await page.pdf({path: join(folder, 'print.pdf'), printBackground: true, landscape: true, format: 'A4'});
  check(pdf.length > 5000, 'the picture prints: ' + pdf.length + ' bytes');
  await page.emulateMediaType('print');
  await page.evaluate(() => dispatchEvent(new Event('beforeprint')));
  const seen = await page.evaluate(() => ({
    bars: [...document.querySelectorAll('.bar, .keys')].filter((e) => e.getBoundingClientRect().height > 0).length,
    paper: getComputedStyle(document.querySelector('.paper')).fill,
    frames: document.querySelectorAll('[role=treeitem]:not([display=none])').length,
  }));
  check(seen.bars === 0 && seen.paper === 'rgb(255, 255, 255)' && seen.frames > 5, 'on paper: no controls, light: ' + JSON.stringify(seen));
  await page.screenshot({path: join(folder, 'print.png'), fullPage: true});
  await page.close();
}

// Our files in speedscope itself, loaded as its own command line program does.
async function speedscope() {
  const app = process.env.SPEEDSCOPE || '';
  if (!existsSync(app)) return console.log('SKIP: speedscope: not in the cache folder (tests/live/get_browser.sh)');
  for (const name of ['small', 'hostile']) {
    const data = readFileSync(join(folder, name + '.speedscope.json')).toString('base64'), script = join(folder, name + '.speedscope.js');
    writeFileSync(script, `speedscope.loadFileFromBase64(${JSON.stringify(name)}, ${JSON.stringify(data)})`);
    const page = await browser.newPage();
    const errors = [];
    page.on('pageerror', (error) => errors.push(String(error)));
    page.on('dialog', (dialog) => { errors.push(dialog.message()); dialog.dismiss(); });
    await page.goto('file://' + app + '#localProfilePath=' + script);
    const loaded = await page.waitForFunction((start) => document.title !== start && / - speedscope$/.test(document.title), {timeout: 20000}, 'speedscope')
      .then(() => true, () => false);
    check(loaded && errors.length === 0, 'speedscope opens ' + name + ': ' + await page.title() + ' ' + errors);
    await page.screenshot({path: join(folder, name + '-speedscope.png')});
    await page.close();
  }
}

try {
  for (const part of [zoomAndBack, searching, keyboard, accessibility, differences, hostileNames, budgets, embeddings, screenshots, goldens, printing, speedscope]) await part();
} finally {
  await browser.close();
}
