// State, its form in the address (so that Back unzooms and links survive), and drawing.
// Where the whole is higher than the window, the root stands on top: the first screen shows the wide frames.
function isTall() {
  const depth = new Int32Array(base.n);
  let most = 0;
  for (let i = 1; i < base.n; ++i) most = Math.max(most, depth[i] = depth[base.parent[i]] + 1);
  return standalone && (most + 1) * ROW > innerHeight - 260;
}

const SIDE = 370, WIDE = 1240;   // the table's place beside the graph, on pages so wide
const kDefaults = {
  focus: 0, query: '', matchCase: false, part: 0, split: true, lines: true, recursion: false, weight: false,
  reverse: attr('reverse') === '1', inverted: attr('inverted') === '1' || isTall(),
  unfold: false, opened: '',   // folds that were opened, by their first frame
  window: '', baseline: '', clock: 'since', heat: false,   // windows: `1.25-3.5`, seconds since the start
};
const kShort = {focus: 'f', query: 'q', matchCase: 'aa', part: 'p', split: 's', lines: 'l', recursion: 'fr', weight: 'w', reverse: 'r', inverted: 'i',
  unfold: 'u', opened: 'o', window: 't', baseline: 'b', clock: 'z', heat: 'h'};
const kReshaping = new Set(['part', 'split', 'lines', 'recursion', 'weight', 'reverse']);

let state = {...kDefaults}, view = null, cursor = 0, viewKey = '', weighed = null;
const page = {width: 0, height: 0, side: 0};

function readHash() {
  const read = {...kDefaults};
  const given = new URLSearchParams(standalone ? location.hash.slice(1) : '');
  for (const key in kShort) {
    const text = given.get(kShort[key]);
    if (text === null) continue;
    if (typeof kDefaults[key] === 'boolean') read[key] = text === '1';
    else if (typeof kDefaults[key] === 'number') read[key] = /^\d{1,9}$/.test(text) ? Number(text) : 0;
    else read[key] = text.slice(0, 1000);
  }
  for (const key of ['window', 'baseline']) if (!windowOf(read[key])) read[key] = '';
  if (!['since', 'local', 'utc'].includes(read.clock)) read.clock = 'since';
  if (read.part >= base.n || (read.part > 0 && !isGroup(kinds[base.name[read.part]]))) read.part = 0;
  return read;
}

function writeHash(of) {
  const out = new URLSearchParams();
  for (const key in kShort) {
    if (of[key] !== kDefaults[key]) out.set(kShort[key], typeof of[key] === 'boolean' ? (of[key] ? '1' : '0') : String(of[key]));
  }
  return out.toString();
}

// Changes the state; `quietly` makes no step in the history (while typing).
function navigate(changes, quietly) {
  const next = {...state, ...changes}, hash = writeHash(next);
  if (standalone && hash !== location.hash.slice(1)) {
    try {
      if (quietly) history.replaceState(null, '', '#' + hash);
      else history.pushState(null, '', '#' + hash);
    } catch { /* an opaque origin may forbid it: the picture works without */ }
  }
  apply(next);
}

function apply(next) {
  const before = state, first = view === null;
  state = next;
  // Ordered by weight, the order is the window's.
  const key = [...kReshaping].map((name) => String(state[name])).join() + (state.weight ? state.window : '');
  const windows = state.window + ' ' + state.baseline;
  const moved = key !== viewKey || before.focus !== state.focus || windows !== weighed;
  if (key !== viewKey) {
    const window = state.weight ? windowOf(state.window) : null;
    view = makeView(window ? {...state, self: weigh(window, time.lanes)} : state);
    weighed = null;
    viewKey = key;
    cursor = 0;
    state.opened = first ? state.opened.replace(/[^\d.]/g, '') : '';
  }
  if (!view.fold) view.fold = foldsOf(view);
  if (weighed !== windows) weighView(view);
  weighed = windows;
  if (state.focus >= view.n) state.focus = 0;
  if (cursor >= view.n || (before.focus !== state.focus && !(cursor >= state.focus && cursor < view.end[state.focus]))) cursor = state.focus;
  runSearch();
  if (moved) refresh();
  fillPanels();
  hideTip();
  draw();
}

// What the window or the zoom says in figures.
function refresh() {
  countTable();
  fillWords();
  fillLegend();
  fillTable();
  fillTime();
  fillFound();
}

function draw() {
  page.width = standalone ? document.documentElement.clientWidth || innerWidth : root.parentNode.clientWidth;
  const margin = page.width < 600 ? 8 : 16, side = page.width >= WIDE && !root.classList.contains('printing') ? SIDE : 0;
  if (side !== page.side) {
    page.side = side;
    fillTable();
  }
  ui.footBox.setAttribute('x', side > 0 ? page.width - side : 0);
  ui.footBox.setAttribute('width', side > 0 ? side : '100%');
  ui.foot.classList.toggle('side', side > 0);
  const width = Math.max(page.width - 2 * margin, 100);
  drawChart(width - side);
  drawStrip(width);
  chart.svg.setAttribute('x', margin);
  if (hasTime()) strip.svg.setAttribute('x', margin);
  place();
}

// Stacks head, chart and table, each as high as it is.
function place() {
  root.setAttribute('width', page.width);
  const head = Math.ceil(ui.head.getBoundingClientRect().height);
  ui.headBox.setAttribute('height', head);
  page.head = head;
  if (hasTime()) strip.svg.setAttribute('y', head);
  page.foot = Math.ceil(ui.foot.getBoundingClientRect().height);
  ui.footBox.setAttribute('height', page.foot);
  moveFoot();
}

// Below the chart, as high as that is now.
function moveFoot() {
  const top = page.head + (hasTime() ? strip.height + 8 : 0), foot = page.foot;
  chart.svg.setAttribute('y', top);
  ui.footBox.setAttribute('y', page.side > 0 ? top : top + chart.height);
  page.height = Math.max(top + (page.side > 0 ? Math.max(chart.height, foot) : chart.height + foot), standalone ? innerHeight : 0);
  root.setAttribute('height', page.height);
  paper.setAttribute('height', page.height);
}

function print(on) {
  root.classList.toggle('printing', on);
  if (on) {
    draw();
    root.setAttribute('viewBox', '0 0 ' + page.width + ' ' + page.height);
    root.setAttribute('width', '100%');
    root.removeAttribute('height');
  } else {
    root.removeAttribute('viewBox');
    draw();
  }
}

const paper = root.querySelector('.paper');
paper.setAttribute('width', '100%');
root.removeAttribute('viewBox');
root.querySelector('.static').remove();
root.classList.add('live');
openHead(root);
openStrip(root);
openChart(root);
openFoot(root);
openTip(root);
listen();
apply(readHash());
