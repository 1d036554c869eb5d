// The strip: a lane a thread, time from left to right; a bar is as high as the thread was busy, in the colour of the
// function that took most of its column. A second view puts seconds side by side, so that what is regular makes lines.
const LANE_MOST = 20, HEAT_ROWS = 25, AXIS = 18;
const strip = {svg: null, plot: null, marks: null, lanes: [], cells: [], left: 0, width: 0, height: 0, columns: 0, key: ''};

function openStrip(parent) {
  if (!hasTime()) return;
  strip.svg = element(SVG, 'svg', {class: 'strip', role: 'group', 'aria-label': 'When the time went'}, parent);
  strip.names = element(SVG, 'g', {class: 'names', 'aria-hidden': 'true'}, strip.svg);
  strip.plot = element(SVG, 'g', {'aria-hidden': 'true'}, strip.svg);
  strip.found = element(SVG, 'g', {class: 'found-in', 'aria-hidden': 'true'}, strip.svg);
  strip.axis = element(SVG, 'g', {class: 'axis', 'aria-hidden': 'true'}, strip.svg);
  strip.marks = element(SVG, 'g', {}, strip.svg);
  strip.lanes = chooseLanes();
  listenToStrip();
}

// The busiest threads, those of a process together; the rest as one lane.
function chooseLanes() {
  const weightOf = (lane) => {
    let weight = 0;
    for (let i = lane.from; i < lane.to; ++i) weight += time.weight ? time.weight[i] : 1;
    return weight;
  };
  const all = time.lanes.map((lane) => ({lane, weight: weightOf(lane)})).filter((one) => one.weight > 0).sort((a, b) => b.weight - a.weight);
  const shown = all.slice(0, LANE_MOST), ofProcess = new Map();
  for (const {lane, weight} of shown) ofProcess.set(lane.process, (ofProcess.get(lane.process) || 0) + weight);
  shown.sort((a, b) => ofProcess.get(b.lane.process) - ofProcess.get(a.lane.process) || (a.lane.process < b.lane.process ? -1 : 1) * (a.lane.process !== b.lane.process)
    || b.weight - a.weight);
  const rows = shown.map(({lane}) => ({lanes: [lane], label: laneLabel(lane, ofProcess.size, shown)}));
  const rest = all.slice(LANE_MOST).map((one) => one.lane);
  if (rest.length > 0) rows.push({lanes: rest, label: grouped(rest.length) + ' more threads'});
  return rows;
}

// What tells a lane from the others.
function laneLabel(lane, processes, shown) {
  const alone = shown.filter((one) => one.lane.process === lane.process).length === 1;
  if (processes > 1 && (alone || !lane.thread)) return lane.process || 'other threads';
  return processes > 1 ? lane.process.replace(/ \(pid (\d+)\)$/, ' $1') + ' \u00b7 ' + lane.thread : lane.thread || lane.process || 'other threads';
}

function laneHeight() { return strip.lanes.length <= 2 ? 34 : strip.lanes.length <= 6 ? 22 : 15; }

// Sums of a row's columns: all weight, and the function with most of it.
function columnsOf(row, columns) {
  const perColumn = time.length / columns, out = [];
  for (let c = 0; c < columns; ++c) out.push({weight: 0, name: 0, gc: 0, off: 0});
  const counts = new Map();
  const each = (i, c, weight) => {
    const cell = out[c], leaf = time.leaf[i], key = c * functions.length + functionOf[base.name[leaf]];
    cell.weight += weight;
    if (classes[leaf] === 1) cell.gc += weight;
    else if (classes[leaf] === 2) cell.off += weight;
    const count = (counts.get(key) || 0) + weight;
    counts.set(key, count);
    if (count > (cell.most || 0)) [cell.most, cell.name] = [count, base.name[leaf]];
  };
  for (const lane of row.lanes) {
    for (let i = lane.from; i < lane.to; ++i) spread(i, perColumn, columns, each);
  }
  return out;
}

// A wait is in each column that it lasts through, a sample in its own.
function spread(i, perColumn, columns, each) {
  const at = time.at[i], whole = time.weight ? time.weight[i] : 1;
  const first = Math.min(Math.floor(at / perColumn), columns - 1);
  const length = time.ofTime ? whole / time.tick : 0;
  if (length <= 1 || at + length <= (first + 1) * perColumn) return each(i, first, whole);
  for (let c = first; c < columns && c * perColumn < at + length; ++c) {
    each(i, c, (Math.min(at + length, (c + 1) * perColumn) - Math.max(at, c * perColumn)) * time.tick);
  }
}

// By place in base: 1 inside the garbage collector, 2 waiting (for a lock, or off the processor), as frames' names say.
const GC = /^(\(garbage collection\)|\[garbage collection\]|gc_collect|zend_gc_collect|runtime\.gc(BgMark|Drain|Assist|Mark|Start)|G1|GCTask|ZDriver|Shenandoah|PSParallel|rb_gc)/;
const WAIT = /^(futex_wait|__futex|do_futex|pthread_mutex_lock|__lll_lock_wait|___pthread_mutex_lock|take_gil|schedule\b|__schedule|io_schedule|Unsafe_Park|sync\.\(\*Mutex\)\.|jdk\.internal\.misc\.Unsafe\.park|jdk\/internal\/misc\/Unsafe\.park|java\.util\.concurrent\.locks\.LockSupport\.park)/;
const classes = classify();
function classify() {
  const out = new Uint8Array(base.n);
  if (!hasTime()) return out;
  const ofName = labels.map((label) => GC.test(label) ? 1 : WAIT.test(label) ? 2 : 0);
  for (let i = 1; i < base.n; ++i) out[i] = ofName[base.name[i]] || out[base.parent[i]];
  return out;
}

function drawStrip(width) {
  if (!hasTime()) return;
  const left = width < 560 ? 0 : Math.min(190, Math.round(width * 0.17));
  const key = [width, state.heat].join();
  strip.left = left;
  strip.width = width - left;
  if (key !== strip.key) {
    strip.key = key;
    strip.columns = Math.max(1, Math.min(Math.floor(strip.width / 2), Math.max(Math.floor(time.length / 4), Math.min(time.length, 40))));
    strip.heat = heatFits() && state.heat;
    strip.height = (strip.heat ? HEAT_ROWS * 5 : strip.lanes.length * laneHeight() + gaugesHigh()) + AXIS;
    strip.svg.setAttribute('width', width);
    strip.svg.setAttribute('height', strip.height);
    if (strip.heat) drawHeat();
    else drawLanes();
  }
  drawAxis();
  drawFound();
  drawWindows();
}

function heatFits() { return secondsOf(time.length) >= 3 && secondsOf(time.length) <= (strip.width || innerWidth); }

function drawLanes() {
  const high = laneHeight(), w = strip.width / strip.columns;
  strip.plot.textContent = strip.names.textContent = '';
  strip.cells = strip.lanes.map((row) => columnsOf(row, strip.columns));
  strip.lanes.forEach((row, at) => {
    const paths = new Map(), cells = strip.cells[at], y = (at + 1) * high - 2;
    const most = Math.max(full(row), ...cells.map((cell) => cell.weight)), room = high - 4;
    cells.forEach((cell, c) => {
      if (cell.weight === 0) return;
      const x = strip.left + c * w, looks = 'k-' + kinds[cell.name] + ' ' + strength(cell.name);
      bar(paths, looks, x, y, w, room * cell.weight / most);
      if (cell.gc > 0) bar(paths, 'w-gc 1', x, y, w, room * cell.gc / most);
      if (cell.off > 0) bar(paths, 'w-off 1', x, y, w, room * cell.off / most);
    });
    element(SVG, 'path', {class: 'ground', d: 'M' + strip.left + ' ' + (y + 0.5) + 'h' + strip.width}, strip.plot);
    for (const key of [...paths.keys()].sort((a, b) => a.startsWith('w') - b.startsWith('w'))) {
      const [kind, opacity] = key.split(' ');
      element(SVG, 'path', {class: kind, 'fill-opacity': opacity, d: paths.get(key)}, strip.plot);
    }
    if (strip.left > 0) {
      const text = element(SVG, 'text', {x: 0, y: y - high / 2 + 5}, strip.names);
      text.textContent = clip(row.label, strip.left - 10);
    }
  });
  drawGauges(strip.lanes.length * high);
}

function bar(paths, looks, x, y, w, h) {
  const high = Math.max(h, 1);
  paths.set(looks, (paths.get(looks) || '') + 'M' + x.toFixed(1) + ' ' + y + 'h' + (w + 0.05).toFixed(2) + 'v-' + high.toFixed(1) + 'h-' + (w + 0.05).toFixed(2) + 'z');
}

// What a column weighs where a thread is always busy.
function full(row) {
  const perColumn = time.length / strip.columns;
  return time.ofTime ? perColumn * time.tick * row.lanes.length : 0;
}

function clip(text, room) {
  if (fits(text, room)) return text;
  let cut = text.length;
  while (cut > 1 && !fits(text.slice(0, cut) + '\u2026', room)) --cut;
  return text.slice(0, cut) + '\u2026';
}

// Columns are seconds, rows parts of them from the top down.
function drawHeat() {
  strip.plot.textContent = strip.names.textContent = '';
  const seconds = Math.ceil(secondsOf(time.length)), w = strip.width / seconds, h = 5, perCell = 1e6 / time.tick / HEAT_ROWS;
  const weight = new Float64Array(seconds * HEAT_ROWS);
  for (const row of strip.lanes) {
    for (const lane of row.lanes) {
      for (let i = lane.from; i < lane.to; ++i) {
        spread(i, perCell, weight.length, (_, cell, part) => { weight[cell] += part; });
      }
    }
  }
  strip.cells = [];
  const most = weight.reduce((a, b) => Math.max(a, b), 0), steps = 6, paths = new Array(steps + 1).fill('');
  weight.forEach((one, cell) => {
    if (one === 0) return;
    const x = strip.left + Math.floor(cell / HEAT_ROWS) * w, y = cell % HEAT_ROWS * h;
    paths[Math.max(1, Math.ceil(one / most * steps))] += 'M' + x.toFixed(2) + ' ' + y + 'h' + Math.max(w - 0.3, 0.5).toFixed(2) + 'v' + (h - 0.5) + 'h-' + Math.max(w - 0.3, 0.5).toFixed(2) + 'z';
  });
  paths.forEach((d, step) => { if (d) element(SVG, 'path', {class: 'heat', 'fill-opacity': (step / steps).toFixed(2), d}, strip.plot); });
  if (strip.left > 0) {
    ['0 ms', '500 ms', '1 s'].forEach((label, at) => {
      element(SVG, 'text', {x: strip.left - 8, y: [10, HEAT_ROWS * h / 2 + 4, HEAT_ROWS * h - 1][at], 'text-anchor': 'end'}, strip.names).textContent = label;
    });
  }
}

function drawAxis() {
  strip.axis.textContent = '';
  const length = secondsOf(time.length), y = strip.height - 5;
  const step = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600].find((s) => length / s * 90 <= strip.width) || 86400;
  for (let s = 0; s <= length + 1e-9; s += step) {
    const x = strip.left + s / length * strip.width;
    element(SVG, 'path', {d: 'M' + x.toFixed(1) + ' ' + (strip.height - AXIS) + 'v4'}, strip.axis);
    element(SVG, 'text', {x: x.toFixed(1), y, 'text-anchor': x > strip.left + strip.width - 30 ? 'end' : s === 0 ? 'start' : 'middle'}, strip.axis)
      .textContent = clockText(s * 1e6 / time.tick, step);
  }
}

// A moment in words: since the start, or by the clock.
function clockText(ticks, step) {
  const seconds = secondsOf(ticks), decimals = step >= 1 ? 0 : step >= 0.1 ? 1 : 3;
  if (state.clock === 'since' || time.start === 0) {
    if (seconds < 120) return seconds.toFixed(decimals) + ' s';
    const whole = Math.floor(seconds), pad = (n) => String(n).padStart(2, '0');
    return (whole >= 3600 ? Math.floor(whole / 3600) + ':' + pad(Math.floor(whole / 60) % 60) : Math.floor(whole / 60)) + ':' + pad(whole % 60) +
      (decimals ? (seconds % 1).toFixed(decimals).slice(1) : '');
  }
  const date = new Date(time.start + seconds * 1000);
  const iso = state.clock === 'utc' ? date.toISOString() : new Date(date.getTime() - date.getTimezoneOffset() * 60000).toISOString();
  return iso.slice(11, decimals === 0 ? 19 : 20 + decimals);
}

// Columns that hold what is searched for.
function drawFound() {
  const key = [strip.key, state.query, state.matchCase].join('\n');
  if (strip.foundKey === key) return;
  strip.foundKey = key;
  strip.found.textContent = '';
  if (!search.hits || strip.heat) return;
  const inside = new Uint8Array(base.n), w = strip.width / strip.columns, high = laneHeight(), perColumn = time.length / strip.columns;
  for (let i = 1; i < base.n; ++i) inside[i] = search.hits[base.name[i]] || inside[base.parent[i]];
  let d = '';
  strip.lanes.forEach((row, at) => {
    const hits = new Float64Array(strip.columns);
    for (const lane of row.lanes) {
      for (let i = lane.from; i < lane.to; ++i) {
        if (inside[time.leaf[i]]) spread(i, perColumn, strip.columns, (_, c, part) => { hits[c] += part; });
      }
    }
    hits.forEach((part, c) => {
      if (part === 0) return;
      const h = Math.max((high - 4) * part / strip.cells[at][c].weight, 2);
      d += 'M' + (strip.left + c * w).toFixed(1) + ' ' + ((at + 1) * high - 2) + 'h' + w.toFixed(2) + 'v-' + h.toFixed(1) + 'h-' + w.toFixed(2) + 'z';
    });
  });
  if (d) element(SVG, 'path', {d}, strip.found);
}
