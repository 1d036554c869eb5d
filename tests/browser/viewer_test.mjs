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

// Whether the address comes to hold (or, with `not`, to lack) what is looked for: it is written after the picture.
const addressed = (page, pattern, not = false) => page.waitForFunction((source, absent) => new RegExp(source).test(location.hash) !== absent, {timeout: 5000}, pattern.source, not)
  .then(() => true, () => false);

async function zoomAndBack() {
  const page = await open('small.svg');
  check(has(await items(page), 'parse'), 'the tree is drawn');
  await clickFrame(page, 'parse');
  let shown = await items(page);
  check(has(shown, 'Token.next') && !has(shown, 'load'), 'a click zooms: other branches leave');
  check(await addressed(page, /f=\d+/), 'the zoom stands in the address');
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
  check(await addressed(page, /f=\d+/), 'Enter zooms');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  check(await addressed(page, /f=\d+/, true), 'Esc zooms out');
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

// Sixty frames deep, as servers are: the first screen shows where the time went.
async function firstScreen() {
  const texts = (page) => page.$$eval('[role=treeitem]:not([display=none]) text', (all) => all.map((t) => t.textContent));
  const page = await open('deep.svg', {width: 1280, height: 720});
  const place = await page.evaluate(() => [...document.querySelectorAll('[role=treeitem]:not([display=none])')].map((g) => {
    const box = g.querySelector('rect').getBoundingClientRect();
    return [g.getAttribute('aria-label'), box.top, box.bottom];
  }));
  const all = place.find(([label]) => label.startsWith('all,')), leaf = place.find(([label]) => label.includes('findMatch'));
  check(all && leaf && all[1] < leaf[1] && leaf[2] < 720, 'the root on top, and the leaf on the first screen: ' + all + '; ' + leaf);
  check((await texts(page)).includes('\u22ef 43 frames'), 'frames that only lead on are one row: ' + (await texts(page)).filter((t) => t.includes('frames')));
  check((await texts(page)).some((t) => t === 'compress/flate.(*compressor).findMatch'), 'names lose what tells least first: ' + (await texts(page)).join(' | '));
  check((await page.$eval('.head', (e) => e.textContent)).includes('(*compressor).findMatch (Go)'), 'the sentence names it whole');
  const table = await page.$eval('tbody', (e) => { const box = e.getBoundingClientRect(); return [box.left, box.top]; });
  check(table[0] > 800 && table[1] < 720, 'the table stands beside the graph: ' + table);
  const before = (await items(page)).length;
  await search(page, 'WithX20');
  check((await page.$$eval('[role=treeitem].hit', (e) => e.map((g) => g.getAttribute('aria-label')))).some((l) => l.includes('matches inside')), 'search reaches into a fold');
  await page.keyboard.press('Enter');
  check((await items(page)).some((l) => l.includes('WithX20')), 'and a step to the match opens it');
  await page.goto('file://' + join(folder, 'deep.svg'));
  await clickFrame(page, '43 frames');
  check((await items(page)).length > before + 30 && await addressed(page, /[#&]o=\d+/), 'a click opens a fold, and the address keeps it');
  await page.goBack();
  await page.waitForFunction((n) => document.querySelectorAll('[role=treeitem]:not([display=none])').length === n, {timeout: 5000}, before);
  await page.click('button[data-state=unfold]');
  check(!(await texts(page)).some((t) => t.includes(' frames')), 'a button shows all frames');
  await page.close();
  for (const [name, size] of [['deep', {width: 1280, height: 720}], ['deep-360', {width: 360, height: 740}]]) {
    const shot = await open('deep.svg', size);
    await shot.screenshot({path: join(folder, name + '.png')});
    check((await items(shot)).length > 5 && shot.errors.length === 0, name + ' is drawn');
    if (size.width === 360) check((await texts(shot)).some((t) => t === '(*compressor).findMatch'), 'and where there is less room, less: ' + (await texts(shot)).join(' | '));
    await shot.close();
  }
}

// Where a second lies on the strip.
async function stripOf(page) {
  const box = await page.$eval('svg.strip', (e) => { const r = e.getBoundingClientRect(); return {x: r.x, y: r.y, w: r.width}; });
  const left = box.w < 560 ? 0 : Math.min(190, Math.round(box.w * 0.17));
  return {y: box.y, at: (second, of = 6) => box.x + left + second / of * (box.w - left)};
}

async function dragOver(page, from, to, y, key) {
  const strip = await stripOf(page);
  if (key) await page.keyboard.down(key);
  await page.mouse.move(strip.at(from), strip.y + y);
  await page.mouse.down();
  await page.mouse.move(strip.at((from + to) / 2), strip.y + y, {steps: 3});
  await page.mouse.move(strip.at(to), strip.y + y, {steps: 3});
  await page.mouse.up();
  if (key) await page.keyboard.up(key);
}

const shareOf = async (page, start) => {
  const label = (await items(page)).find((l) => l.startsWith(start)) || '';
  return Number((/ ([\d.]+) %/.exec(label) || [0, 0])[1]);
};

async function windows() {
  const page = await open('timed.svg');
  check(await page.$$eval('.strip .names text', (all) => all.length) === 6, 'a lane for each of four threads and two figures');
  const whole = await items(page);
  await dragOver(page, 3.0, 3.4, 30);
  check(await addressed(page, /[#&]t=(2\.9|3\.0)\d*-3\.(3|4)\d*/), 'a drag is a window, which stands in the address: ' + page.url().split('#')[1]);
  // One of four threads, of which one runs a third of the time.
  const share = await shareOf(page, 'json.dumps');
  check(share > 26 && share < 34, 'the flame graph is the window\'s: json.dumps ' + share + ' %');
  check((await page.$eval('tbody tr td', (e) => e.textContent)).startsWith('70.7'), 'and so is the table: ' + await page.$eval('tbody', (e) => e.textContent));
  check((await page.$eval('.when .found', (e) => e.textContent)).includes('samples'), 'and is said in words: ' + await page.$eval('.when .found', (e) => e.textContent));
  await search(page, 'json.dumps');
  check((await found(page)).includes('3 frames') || /2\d\.\d %|3\d\.\d %/.test(await found(page)), 'search counts within it: ' + await found(page));
  check(await page.$$eval('.strip .found-in path', (all) => all.length) === 1, 'and marks the columns that hold a match');
  await search(page, '');
  await page.click('button[data-state=reverse]');
  check((await items(page)).some((l) => l.startsWith('json.dumps') && /2\d\.\d %|3\d\.\d %/.test(l)), 'callers speak of the window too');
  await page.click('button[data-state=reverse]');
  await page.screenshot({path: join(folder, 'window.png')});
  await dragOver(page, 1, 2, 30, 'Shift');
  check((await items(page)).some((l) => l.startsWith('json.dumps') && l.includes('new')), 'with Shift: a window to compare with; json.dumps is new');
  await page.screenshot({path: join(folder, 'window-diff.png')});
  const strip = await stripOf(page);
  await page.mouse.click(strip.at(5), strip.y + 30, {count: 2});
  check(JSON.stringify(await items(page)) === JSON.stringify(whole), 'a double click shows all as before');
  await page.goBack();
  await page.waitForFunction(() => /[#&]b=/.test(location.hash), {timeout: 5000});
  check((await items(page)).some((l) => l.includes('new')), 'Back returns to the windows');
  await page.close();
}

async function windowsByKey() {
  const page = await open('timed.svg', undefined, '#t=3-3.4');
  const share = await shareOf(page, 'json.dumps');
  check(share > 26 && share < 34, 'a link opens at its window');
  const slider = () => page.$eval('[role=slider]', (e) => [e.getAttribute('aria-valuenow'), e.getAttribute('aria-valuetext')]);
  await page.$eval('[role=slider]', (e) => e.focus());
  const [before, words] = await slider();
  check(before === '3.00' && words.includes('to 3.4 s'), 'a screen reader hears it: ' + words);
  await page.keyboard.press('ArrowRight');
  check((await slider())[0] === '3.20', 'an arrow moves it by half: ' + (await slider())[0]);
  await page.keyboard.down('Shift');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.up('Shift');
  check((await slider())[1].includes('to 3.7 s'), 'with Shift its end: ' + (await slider())[1]);
  await page.keyboard.press('Escape');
  check((await slider())[1].startsWith('the whole'), 'Esc shows all');
  check(await page.$$eval('.strip .gauge', (all) => all.length) === 2, 'a lane for each figure');
  check((await page.$eval('.strip .mark', (e) => e.getAttribute('d'))).split('M').length === 3, 'a mark for each event');
  const said = await page.$$eval('.head details p', (all) => all.map((p) => p.textContent).join());
  check(said.includes('3.00 s: process 813 `shop worker` ended') && said.includes('process 820 came'), 'events in words: ' + said);
  const lane = await page.$eval('.strip', (svg) => { const b = svg.getBoundingClientRect(); return {x: b.x, y: b.bottom, w: b.width, left: Math.min(190, Math.round(b.width * 0.17))}; });
  await page.mouse.move(lane.x + lane.left + (lane.w - lane.left) * 0.62, lane.y - 18 - 16 - 8);
  const told = await page.waitForFunction(() => document.querySelector('.tip').textContent.includes('throttled: 40 %'), {timeout: 5000}).then(() => true, () => false);
  check(told, 'a figure by its moment: ' + await page.$eval('.tip', (e) => e.textContent));
  await page.select('.when select', 'utc');
  check((await page.$eval('.strip .axis text', (e) => e.textContent)).includes('14:00:00'), 'times by the clock: ' + await page.$eval('.strip .axis text', (e) => e.textContent));
  await page.click('button[data-state=heat]');
  check(await page.$$eval('.strip .heat', (all) => all.length) > 0, 'seconds side by side');
  await page.screenshot({path: join(folder, 'seconds.png')});
  check(page.errors.length === 0, 'without errors ' + page.errors);
  await page.close();
  for (const [name, size, scheme] of [['timed-360', {width: 360, height: 740}, 'light'], ['timed-dark', {width: 1280, height: 720}, 'dark'], ['timed-light', {width: 1280, height: 720}, 'light']]) {
    const shot = await browser.newPage();
    await shot.setViewport(size);
    await shot.emulateMediaFeatures([{name: 'prefers-color-scheme', value: scheme}]);
    await shot.goto('file://' + join(folder, 'timed.svg') + '#t=3-3.4');
    check(!await shot.evaluate(() => document.documentElement.scrollWidth > innerWidth + 1), name + ': nothing is wider than the window');
    await shot.screenshot({path: join(folder, name + '.png')});
    await shot.close();
  }
  const still = await browser.newPage();
  await still.setJavaScriptEnabled(false);
  await still.goto('file://' + join(folder, 'timed.svg'));
  check(await still.$$eval('.static path', (all) => all.length) >= 4, 'a static strip stands without scripts');
  check(await still.$$eval('.static .gauge', (all) => all.length) === 2 && await still.$$eval('.static .mark', (all) => all.length) === 2, 'with its figures and events');
  await still.screenshot({path: join(folder, 'timed-no-script.png')});
  await still.close();
}

// Moving a window over 100,000 samples of 20,000 frames, in time of the page's own thread: what else the machine does is not counted.
async function windowBudget() {
  const page = await open('timed-large.svg');
  const devtools = await page.createCDPSession();
  await devtools.send('Performance.enable', {timeDomain: 'threadTicks'});
  const spent = async () => (await devtools.send('Performance.getMetrics')).metrics.find((m) => m.name === 'ScriptDuration').value * 1000;
  await page.evaluate(() => {
    const svg = document.querySelector('svg.strip'), box = svg.getBoundingClientRect(), left = Math.min(190, Math.round(box.width * 0.17));
    svg.setPointerCapture = () => {};
    window.send = (type, share) => svg.dispatchEvent(new PointerEvent(type, {bubbles: true, button: 0, pointerId: 1,
      clientX: box.x + left + share * (box.width - left), clientY: box.y + 20}));
    window.painted = () => new Promise((go) => requestAnimationFrame(() => setTimeout(go)));
    send('pointerdown', 0.3);
  });
  const times = [];
  for (let i = 1; i < 30; ++i) {
    const before = await spent();
    await page.evaluate((share) => { send('pointermove', share); return painted(); }, 0.3 + i * 0.01);
    times.push(await spent() - before);
  }
  const first = times.shift(), median = times.sort((a, b) => a - b)[times.length >> 1];
  const text = `100,000 samples, 20,000 frames: first window ${first.toFixed(1)} ms, each further move ${median.toFixed(1)} ms of script`;
  console.log(text);
  check(page.errors.length === 0 && times.length > 20, 'windows of a large picture; times are figures, not checks: ' + text);
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
  for (const part of [zoomAndBack, searching, keyboard, accessibility, differences, firstScreen, windows, windowsByKey, windowBudget, hostileNames, budgets, embeddings, screenshots, goldens, printing, speedscope]) await part();
} finally {
  await browser.close();
}
