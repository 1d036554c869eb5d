// Draws what is wide enough to be seen: wide frames as reused elements, slivers as one path a colour.
const ROW = matchMedia('(pointer: coarse)').matches ? 26 : 18, SLIVER = 3, LEAST = 0.5, LABELLED = 18;

const element = (space, name, attributes, parent) => {
  const made = document.createElementNS(space, name);
  for (const key in attributes) made.setAttribute(key, attributes[key]);
  if (parent) parent.appendChild(made);
  return made;
};

const chart = {
  svg: null, wide: null, slim: null,
  width: 0, height: 0, deepest: 0,
  rows: [],        // by depth: drawn frames from left to right, as {id, x, w}
  pool: [], used: 0,
  of: new Map(),   // frame -> what is drawn of it
};

function openChart(parent) {
  chart.svg = element(SVG, 'svg', {class: 'chart', role: 'tree', 'aria-label': 'Call tree'}, parent);
  chart.slim = element(SVG, 'g', {'aria-hidden': 'true'}, chart.svg);
  chart.wide = element(SVG, 'g', {role: 'presentation'}, chart.svg);
}

// Collects [focus, its ancestors and all below] for the given width.
function collect(view, focus, width) {
  const rows = chart.rows = [];
  if (!chart.depths || chart.depths.length < view.n) chart.depths = new Int32Array(view.n);
  const add = (depth, id, x, w) => (rows[depth] ||= []).push({id, x, w});
  const {depths} = chart;   // as drawn: a fold takes one row
  const path = [focus];
  for (let up = focus; up !== 0;) path.push(up = view.parent[up]);
  for (let at = path.length - 1, depth = -1; at >= 0; --at) {
    const id = path[at], inner = isFolded(id) && view.fold[id] !== id;
    depths[id] = inner ? depth : ++depth;
    if (at > 0 && !inner) add(depth, id, 0, width);
  }
  const scale = view.width[focus] > 0 ? width / view.width[focus] : 0, left = view.start[focus];
  for (let i = focus, end = view.end[focus]; i < end;) {
    const w = view.width[i] * scale;
    if (w < LEAST && i !== focus && i !== cursor) { i = view.end[i]; continue; }
    const inner = i !== focus && isFolded(i) && view.fold[i] !== i;
    if (i !== focus) depths[i] = depths[view.parent[i]] + (inner ? 0 : 1);
    if (!inner) add(depths[i], i, (view.start[i] - left) * scale, w);
    ++i;
  }
  // A hole: the focus lies in a fold.
  for (let depth = 0; depth < rows.length; ++depth) rows[depth] ||= [];
  chart.deepest = rows.length - 1;
}

function rowY(depth) { return (state.inverted ? depth : chart.deepest - depth) * ROW; }

function drawChart(width) {
  collect(view, state.focus, width);
  chart.width = width;
  chart.height = (chart.deepest + 1) * ROW;
  chart.svg.setAttribute('width', width);
  chart.svg.setAttribute('height', chart.height);
  const before = chart.of, slivers = new Map();
  chart.of = new Map();
  chart.used = 0;
  // While a window is dragged, frames too narrow for a name are slivers: elements cost as much as all the rest.
  const least = drag.live ? LABELLED : SLIVER;
  chart.rows.forEach((row, depth) => {
    const y = rowY(depth);
    for (const box of row) {
      if (box.w >= least || box.id === cursor) drawFrame(box, y, before);
      else {
        const looks = looksOf(box.id);
        const key = looks.kind + ' ' + looks.strength + (looks.hit ? ' hit' : '');
        const x = Math.round(box.x * 10) / 10, w = Math.max(Math.round(box.w * 10 - (box.w < SLIVER ? 2 : 6)) / 10, 0.3);
        slivers.set(key, (slivers.get(key) || '') + 'M' + x + ' ' + y + 'h' + w + 'v' + (ROW - 1) + 'h-' + w + 'z');
      }
    }
  });
  for (const made of drag.live ? before.values() : chart.pool.slice(chart.used)) {
    if (made.view === null) continue;
    made.view = null;
    made.g.setAttribute('display', 'none');
  }
  drawSlivers(slivers);
}

function drawSlivers(slivers) {
  chart.slim.textContent = '';
  for (const [key, d] of slivers) {
    const [kind, strength, hit] = key.split(' ');
    element(SVG, 'path', {class: kind + (hit ? ' hit' : ''), 'fill-opacity': strength, d}, chart.slim);
  }
}

// While a window is dragged the frame's own element, of which little changes then; else the next one, so that their order is
// that of the rows.
function elementOf(id, before) {
  if (drag.live) {
    const kept = before.get(id);
    if (kept) return before.delete(id), kept;
    while (chart.used < chart.pool.length && chart.pool[chart.used].view !== null) ++chart.used;
  }
  if (chart.used === chart.pool.length) {
    const g = element(SVG, 'g', {role: 'treeitem', tabindex: '-1'}, chart.wide);
    chart.pool.push({g, rect: element(SVG, 'rect', {height: ROW - 1, rx: 1.5}, g), text: element(SVG, 'text', {y: ROW - 5.5, x: 4}, g), set: {}, view: undefined});
  }
  return chart.pool[chart.used++];
}

// An attribute that is as it was costs as much to set as one that is not.
function keep(made, key, node, name, value) {
  if (made.set[key] !== value) node.setAttribute(name, made.set[key] = value);
}

function drawFrame(box, y, before) {
  const made = elementOf(box.id, before), looks = looksOf(box.id), {g} = made;
  chart.of.set(box.id, made);
  // While typing, a frame stays where it is: only what a match changes is set again.
  const same = made.view === view && made.id === box.id && made.x === box.x && made.y === y && made.w === box.w && made.focus === state.focus && made.weighed === view.weighed && made.folded === isFolded(box.id);
  if (!same) placeFrame(made, box, y, looks);
  // While a window is dragged, words wait for its end: they cost as much as all the rest.
  if (drag.live) made.words = null;
  if (!drag.live && (!same || made.hit !== looks.hit || made.words === null)) {
    made.hit = looks.hit;
    made.words = view;
    g.setAttribute('class', looks.hit ? 'hit' : isAbove(box.id) ? 'above' : '');
    g.setAttribute('aria-label', describe(box.id));
  }
  const stop = box.id === cursor ? '0' : '-1';
  if (made.stop !== stop) g.setAttribute('tabindex', made.stop = stop);
}

function placeFrame(made, box, y, looks) {
  const {g, rect, text} = made;
  if (made.view === null) g.removeAttribute('display');
  Object.assign(made, {view, weighed: view.weighed, folded: isFolded(box.id), id: box.id, x: box.x, y, w: box.w, focus: state.focus});
  g.frame = box.id;
  keep(made, 'place', g, 'transform', 'translate(' + box.x.toFixed(2) + ' ' + y + ')');
  keep(made, 'level', g, 'aria-level', view.depth[box.id] + 1);
  keep(made, 'width', rect, 'width', Math.max(box.w - 0.6, 0.4).toFixed(2));
  keep(made, 'kind', rect, 'class', looks.kind);
  keep(made, 'strength', rect, 'fill-opacity', looks.strength);
  const label = box.w < LABELLED ? '' : fitName(box.id, box.w - 8);
  if (made.label !== label) text.textContent = made.label = label;
}

function isAbove(id) { return id < state.focus && view.end[id] > state.focus; }

const STRENGTHS = ['1', '.86', '.72', '.58'], strengthOf = [];
function strength(name) {
  if (strengthOf[name] !== undefined) return strengthOf[name];
  const text = functions[functionOf[name]].label;
  let hash = 2166136261;
  for (let i = 0; i < text.length; ++i) {
    const c = text.charCodeAt(i);
    if (c < 128) hash = Math.imul(hash ^ c, 16777619);
  }
  hash >>>= 0;
  return strengthOf[name] = STRENGTHS[((hash ^ (hash >>> 13)) >>> 0) % STRENGTHS.length];
}

function looksOf(id) {
  const name = view.name[id];
  const hit = search.hits !== null && id !== 0 && (isFolded(id) ? foldHit(view.fold[id]) : search.hits[name] === 1);
  if (isFolded(id) && id !== state.focus && !differs) return {kind: 'fold', strength: '1', hit};
  if (differs) return {kind: 'd' + ((byChance(functionOf[name]) ? 0 : changeStep(view.before[id], view.total[id])) + 4), strength: '1', hit};
  return {kind: 'k-' + (id === 0 ? 'p' : kinds[name]), strength: strength(name), hit};
}

function changeStep(before, after) {
  if (before === after) return 0;
  const change = (after - before) / Math.max(after, before);
  return Math.sign(change) * Math.ceil(Math.min(Math.abs(change) * 4, 4));
}

// Text in the room that there is: the whole label, else the name without its place, else its beginning.
const advances = new Map();
const pen = element(HTML, 'canvas', {}, null).getContext('2d');
function advance(c) {
  let width = advances.get(c);
  if (width === undefined) {
    pen.font = '12px ' + getComputedStyle(root).fontFamily;
    advances.set(c, width = pen.measureText(c).width);
  }
  return width;
}

function fitName(id, room) {
  if (isFolded(id) && id !== state.focus) return fits(foldLabel(id), room) ? '\u22ef ' + foldLabel(id) : '\u22ef';
  const name = view.name[id];
  let sign = '', text = labels[name];
  if (differs) sign = view.total[id] > view.before[id] ? '+ ' : view.total[id] < view.before[id] ? '\u2212 ' : '';
  if (fits(sign + text, room)) return sign + text;
  const shorter = shorterNames(name);
  for (const one of shorter) if (fits(sign + one, room)) return sign + one;
  text = sign + (shorter[shorter.length - 1] || text);
  let used = advance('\u2026'), cut = 0;
  for (const c of text) {
    used += advance(c);
    if (used > room) break;
    cut += c.length;
  }
  return cut < 2 ? '' : text.slice(0, cut) + '\u2026';
}

function fits(text, room) {
  let used = 0;
  for (const c of text) {
    used += advance(c);
    if (used > room) return false;
  }
  return true;
}

// One sentence on a frame, for the tooltip and for screen readers.
function describe(id) {
  if (isFolded(id) && id !== state.focus) return foldLabel(id) + ' that only lead on, ' + figures(id) + (search.hits && foldHit(id) ? ', matches inside' : '');
  const name = view.name[id], kind = languages.get(kinds[name]);
  let out = labels[name] + (id === 0 || isGroup(kinds[name]) || !kind ? '' : ', ' + kind) + ', ' + figures(id);
  if (differs && id !== 0 && !isGroup(kinds[name]) && byChance(functionOf[name])) out += ', not told from chance';
  if (endings.has(name)) out += ', compiled as ' + endings.get(name);
  if (search.hits && search.hits[name] && id !== 0) out += ', matches';
  return out;
}

function figures(id) {
  if (differs) {
    return percent(view.before[id], view.before[0]) + ' \u2192 ' + percent(view.total[id], view.total[0]) +
      (view.before[id] === 0 ? ', new' : view.total[id] === 0 ? ', gone' : '') + ', ' +
      signed(view.total[id] - view.before[id]) + ', of its own ' + signed(view.self[id] - view.selfBefore[id]);
  }
  let out = amount(view.total[id]) + ', ' + percent(view.total[id], view.total[0]);
  if (state.focus !== 0) out += ' (' + percent(view.total[id], view.total[state.focus]) + ' of this view)';
  return out + (view.self[id] === 0 ? ', nothing of its own' : view.self[id] === view.total[id] ? ', all its own' :
    ', ' + percent(view.self[id], view.total[0]) + ' its own');
}

function signed(weight) { return (weight > 0 ? '+' : weight < 0 ? '\u2212' : '\u00b1') + amount(Math.abs(weight)); }

// The frame at a point of the chart, or -1.
function frameAt(x, y) {
  const row = chart.rows[state.inverted ? Math.floor(y / ROW) : chart.deepest - Math.floor(y / ROW)];
  if (!row || x < 0) return -1;
  let low = 0, high = row.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (row[middle].x <= x) low = middle;
    else high = middle - 1;
  }
  const box = row[low];
  return x >= box.x - 1 && x <= box.x + Math.max(box.w, 1) ? box.id : -1;
}
