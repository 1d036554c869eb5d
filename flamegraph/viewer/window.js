// The window of time: dragged, moved by keys, said in words. While it is dragged, all that is on the page follows.
const drag = {from: null, baseline: false, moved: false, due: false, live: false, told: 0};

function tickAt(x) { return Math.max(0, Math.min(1, (x - strip.left) / strip.width)) * time.length; }

// Where a point of the strip lies in time; of the heat map, by its second and row.
function momentAt(point) {
  if (!strip.heat) return tickAt(point.x);
  const perSecond = 1e6 / time.tick, seconds = Math.ceil(secondsOf(time.length));
  const second = Math.max(0, Math.min(seconds - 1, Math.floor((point.x - strip.left) / strip.width * seconds)));
  const row = Math.max(0, Math.min(HEAT_ROWS - 1, Math.floor(point.y / 5)));
  return Math.min((second + row / HEAT_ROWS) * perSecond, time.length);
}

function stripPoint(event) {
  const box = strip.svg.getBoundingClientRect(), page = root.getBoundingClientRect();
  return {x: event.clientX - box.left, y: event.clientY - box.top, pageX: event.clientX - page.left, pageY: event.clientY - page.top};
}

function listenToStrip() {
  const svg = strip.svg;
  svg.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    drag.from = momentAt(stripPoint(event));
    drag.baseline = event.shiftKey;
    drag.moved = false;
    drag.start = event.clientX + event.clientY;
    svg.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  svg.addEventListener('pointermove', (event) => {
    const point = stripPoint(event);
    if (drag.from === null) return tipOfStrip(point);
    if (!drag.moved && Math.abs(event.clientX + event.clientY - drag.start) < 3) return;
    drag.moved = true;
    drag.to = momentAt(point) + (strip.heat ? 1e6 / time.tick / HEAT_ROWS : 0);
    followSoon();
  });
  svg.addEventListener('pointerup', () => {
    const {from, to, moved, baseline} = drag;
    drag.from = null;
    weighed = null;   // so that words follow, too
    if (moved) navigate({[baseline ? 'baseline' : 'window']: windowText(from, to)});
    else svg.querySelector('.handle').focus();
  });
  svg.addEventListener('pointercancel', () => { drag.from = null; });
  svg.addEventListener('pointerleave', hideTip);
  svg.addEventListener('dblclick', () => navigate({window: '', baseline: ''}));
}

function followSoon() {
  if (drag.due) return;
  drag.due = true;
  requestAnimationFrame(() => {
    drag.due = false;
    if (drag.from !== null) follow(drag.baseline ? 'baseline' : 'window', windowText(drag.from, drag.to));
  });
}

// The page for another window, without a step in the history.
function follow(key, text) {
  state = {...state, [key]: text};
  weighed = state.window + ' ' + state.baseline;
  weighView(view);
  drag.live = true;
  drawChart(chart.width);
  drawWindows();
  moveFoot();
  drag.live = false;
  // Tables are laid out anew, which costs more than the drawing: ten times a second is live enough.
  if (performance.now() - drag.told < 100) return;
  drag.told = performance.now();
  if (search.hits) countHits();
  refresh();
}

function drawWindows() {
  const window = windowOf(state.window), before = windowOf(state.baseline), high = strip.height - AXIS;
  const x = (at) => strip.left + at / time.length * strip.width;
  if (!strip.handle) {
    strip.shade = element(SVG, 'path', {class: 'shade'}, strip.marks);
    strip.before = element(SVG, 'path', {class: 'before'}, strip.marks);
    strip.handle = element(SVG, 'rect', {class: 'handle', role: 'slider', tabindex: '0', 'aria-label': 'Window of time', y: 0.5, rx: 2,
      'aria-valuemin': '0'}, strip.marks);
  }
  const band = (from, to) => 'M' + from.toFixed(1) + ' 0h' + (to - from).toFixed(1) + 'v' + high + 'h' + (from - to).toFixed(1) + 'z';
  const bands = (w) => strip.heat ? heatBand(w) : band(x(w.from), x(w.to));
  strip.shade.setAttribute('d', !window ? '' : strip.heat ? '' : band(strip.left, x(window.from)) + band(x(window.to), strip.left + strip.width));
  strip.before.setAttribute('d', before ? bands(before) : '');
  const from = window ? window.from : 0, to = window ? window.to : time.length;
  strip.handle.setAttribute('class', 'handle' + (window ? ' set' : '') + (strip.heat ? ' flat' : ''));
  strip.handle.setAttribute('x', x(from));
  strip.handle.setAttribute('width', Math.max(x(to) - x(from), 2));
  strip.handle.setAttribute('height', Math.max(high - 1, 1));
  strip.handle.setAttribute('aria-valuemax', secondsOf(time.length).toFixed(2));
  strip.handle.setAttribute('aria-valuenow', secondsOf(from).toFixed(2));
  strip.handle.setAttribute('aria-valuetext', windowSentence());
  if (strip.heat) strip.shade.setAttribute('d', window ? heatBand(window) : '');
  strip.shade.setAttribute('class', strip.heat ? 'cells' : 'shade');
}

// The cells of the heat map that a window covers.
function heatBand(window) {
  const seconds = Math.ceil(secondsOf(time.length)), w = strip.width / seconds, cell = 1e6 / time.tick / HEAT_ROWS;
  const first = Math.floor(window.from / cell + 0.01), last = Math.ceil(window.to / cell - 0.01);
  let d = '';
  for (let second = Math.floor(first / HEAT_ROWS); second * HEAT_ROWS < last; ++second) {
    const top = Math.max(first - second * HEAT_ROWS, 0), end = Math.min(last - second * HEAT_ROWS, HEAT_ROWS);
    if (end > top) d += 'M' + (strip.left + second * w).toFixed(1) + ' ' + top * 5 + 'h' + w.toFixed(2) + 'v' + (end - top) * 5 + 'h-' + w.toFixed(2) + 'z';
  }
  return d;
}

// `12.4 s to 13.1 s (0.7 s): 71 samples, most json.dumps 71 %`
function windowSentence() {
  const window = windowOf(state.window), before = windowOf(state.baseline);
  const span = (w) => clockText(w.from, 0.1) + ' to ' + clockText(w.to, 0.1) + ' (' + secondsOf(w.to - w.from).toFixed(2) + ' s)';
  if (!window && !before) return 'the whole ' + secondsOf(time.length).toFixed(1) + ' s';
  return (window ? span(window) : 'the whole time') + ', ' + amount(view.total[0]) + (before ? ', compared with ' + span(before) : '');
}

function fillTime() {
  if (!hasTime()) return;
  const chosen = state.window !== '' || state.baseline !== '';
  ui.timeText.textContent = chosen ? windowSentence() : 'Drag over the lanes to look at a moment; hold Shift for one to compare it with.';
  ui.whole.hidden = !chosen;
  ui.swap.hidden = !(state.window !== '' && state.baseline === '');
  ui.clock.value = state.clock;
  ui.heat.hidden = !heatFits();
  for (const made of root.querySelectorAll('[data-window]')) made.setAttribute('aria-pressed', String(made.dataset.window === state.window));
}

function timeBar() {
  ui.timeText = tag('span', {class: 'found', role: 'status', 'aria-live': 'polite'});
  ui.whole = button('Whole time', 'Look at all again (double click)', () => navigate({window: '', baseline: ''}), {class: 'main'});
  ui.swap = button('Compare', 'Compare this window with all the rest of the time (b)', compareWithRest);
  ui.heat = toggle('Seconds', 'Seconds side by side: what is regular makes lines', 'heat');
  ui.clock = tag('select', {'aria-label': 'How times are shown'});
  for (const [value, label] of [['since', 'since the start'], ['local', 'local time'], ['utc', 'UTC']]) ui.clock.append(tag('option', {value}, label));
  ui.clock.addEventListener('change', () => navigate({clock: ui.clock.value}));
  if (time.start === 0) ui.clock.hidden = true;
  const bar = tag('div', {class: 'bar when', role: 'toolbar', 'aria-label': 'When'}, ui.clock, ui.heat, ui.swap, ui.whole, ui.timeText);
  return bar;
}

// What stands out in time, as the profile itself says: a click looks at it.
function burstBar() {
  const found = profile.getElementsByTagNameNS(DATA, 'bursts')[0];
  const bar = tag('div', {class: 'bar bursts', role: 'group', 'aria-label': 'What stands out in time'});
  for (const line of found ? found.textContent.split('\n') : []) {
    const [window, sentence] = line.split('\t');
    if (!sentence || !windowOf(window)) continue;
    const at = windowOf(window), text = windowText(at.from, at.to);
    bar.append(button(sentence, 'Look at this moment', () => navigate({window: state.window === text ? '' : text}), {class: 'burst', 'data-window': text}));
  }
  bar.hidden = bar.children.length === 0;
  return bar;
}

function compareWithRest() { navigate({baseline: windowText(0, time.length)}); }

function tipOfStrip(point) {
  const at = momentAt(point), row = strip.heat ? -1 : Math.floor(point.y / laneHeight());
  const gauge = strip.heat ? undefined : gauges[Math.floor((point.y - strip.lanes.length * laneHeight()) / gaugeHigh())];
  if (point.x >= strip.left && gauge) return showTexts([clockText(at, 0.01)], [gaugeSentence(gauge, at), ...marksNear(at)], point.pageX, point.pageY);
  if (point.x < strip.left || (!strip.heat && (row < 0 || row >= strip.lanes.length))) return hideTip();
  if (strip.heat) return showTexts([clockText(at, 0.01)], [], point.pageX, point.pageY);
  const column = Math.min(Math.floor(at / time.length * strip.columns), strip.columns - 1), cell = strip.cells[row][column];
  const weight = amount(time.ofTime ? cell.weight * 1000 : cell.weight);
  const what = cell.weight === 0 ? 'nothing' : weight + ', most in ' + functions[functionOf[cell.name]].label + ' (' + percent(cell.most, cell.weight) + ')' +
    (cell.gc > 0 ? ', garbage collection ' + percent(cell.gc, cell.weight) : '') + (cell.off > 0 ? ', waiting ' + percent(cell.off, cell.weight) : '');
  showTexts([clockText(at, 0.01) + ', ' + strip.lanes[row].label], [what, ...marksNear(at)], point.pageX, point.pageY);
}

// Arrows move the window by half of it, with Shift its end; + and - widen and narrow.
function onStripKey(event) {
  const now = windowOf(state.window) || {from: 0, to: time.length};
  const width = now.to - now.from, whole = width >= time.length - 1e-6;
  const set = (from, to) => {
    const least = Math.min(Math.max(1, time.length / 2000), time.length);
    const w = Math.max(to - from, least), start = Math.max(0, Math.min(from, time.length - w));
    navigate({window: w >= time.length ? '' : windowText(start, start + w)}, true);
  };
  const sign = event.key === 'ArrowLeft' || event.key === 'ArrowDown' ? -1 : 1;
  if (event.key.startsWith('Arrow')) {
    if (whole) set(sign > 0 ? 0 : time.length * 0.95, sign > 0 ? time.length * 0.05 : time.length);
    else if (event.shiftKey) set(now.from, now.to + sign * Math.max(width / 4, 1));
    else set(now.from + sign * width / 2, now.to + sign * width / 2);
  } else if (event.key === '+') set(now.from - width / 4, now.to + width / 4);
  else if (event.key === '-') set(now.from + width / 8, now.to - width / 8);
  else if (event.key === 'Home') set(0, width);
  else if (event.key === 'End') set(time.length - width, time.length);
  else if (event.key === 'Enter' || event.key === 'b') compareWithRest();
  else if (event.key === 'Escape') navigate({window: '', baseline: ''});
  else return false;
  return true;
}
