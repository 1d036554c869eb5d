// Pointer, keyboard, tooltip and clipboard.
const tip = {};

function openTip(parent) {
  tip.g = element(SVG, 'g', {class: 'tip', display: 'none', 'aria-hidden': 'true'}, parent);
  tip.box = element(SVG, 'rect', {rx: 5}, tip.g);
  tip.text = element(SVG, 'text', {}, tip.g);
}

// Breaks a text to the width, at spaces where there are any; at most six lines.
function wrap(text, room) {
  const out = [''];
  let used = 0;
  for (const piece of text.slice(0, 600).match(/\S{1,24}\s*/g) || []) {
    let width = 0;
    for (const c of piece) width += advance(c);
    if (used + width > room && used > 0) {
      if (out.length === 6) return [...out.slice(0, 5), out[5] + '\u2026'];
      out.push('');
      used = 0;
    }
    out[out.length - 1] += piece;
    used += width;
  }
  return out;
}

function showTip(id, x, y) {
  const kind = languages.get(kinds[view.name[id]]);
  if (isFolded(id) && id !== state.focus) return showTexts([foldLabel(id) + ' that only lead on'], [foldNames(id), figures(id) + '; a click shows them'], x, y);
  showTexts([labels[view.name[id]]], [(id === 0 || isGroup(kinds[view.name[id]]) || !kind ? '' : kind + ', ') + figures(id)], x, y);
}

function showTexts(first, second, x, y) {
  const room = Math.min(440, page.width - 40);
  const texts = first.flatMap((text) => wrap(text, room)), strong = texts.length;
  texts.push(...second.flatMap((text) => wrap(text, room)));
  tip.text.textContent = '';
  let widest = 0;
  texts.forEach((line, at) => {
    const span = element(SVG, 'tspan', {x: 10, y: 20 + at * 17, class: at < strong ? 'strong' : ''}, tip.text);
    span.textContent = line;
  });
  tip.g.removeAttribute('display');
  widest = tip.text.getBBox().width;
  const w = widest + 20, h = texts.length * 17 + 12;
  tip.box.setAttribute('width', w);
  tip.box.setAttribute('height', h);
  const left = Math.max(6, Math.min(x + 14, page.width - w - 6));
  const top = y + 18 + h > page.height ? y - h - 10 : y + 18;
  tip.g.setAttribute('transform', 'translate(' + left + ' ' + Math.max(0, top) + ')');
}

// The ends of a fold.
function foldNames(first) {
  const name = (id) => shorterNames(view.name[id])[0];
  return name(first) + ' \u2026 ' + name(foldEnd(first) - 1);
}

function hideTip() { tip.g.setAttribute('display', 'none'); }

function pointOf(event) {
  const box = chart.svg.getBoundingClientRect(), page = root.getBoundingClientRect();
  return {x: event.clientX - box.left, y: event.clientY - box.top, pageX: event.clientX - page.left, pageY: event.clientY - page.top};
}

function listen() {
  chart.svg.addEventListener('pointermove', (event) => {
    const point = pointOf(event), id = frameAt(point.x, point.y);
    if (id < 0) hideTip();
    else showTip(id, point.pageX, point.pageY);
  });
  chart.svg.addEventListener('pointerleave', hideTip);
  chart.svg.addEventListener('click', (event) => {
    const point = pointOf(event), id = frameAt(point.x, point.y);
    if (id < 0) return;
    cursor = id;
    if (isFolded(id) && id !== state.focus) navigate({opened: openFold(id)});
    else if (id === state.focus) draw();
    else navigate({focus: id});
  });
  chart.svg.addEventListener('focusin', (event) => {
    const g = event.target.closest('[role=treeitem]');
    if (g && g.frame !== undefined) cursor = g.frame;
  });
  root.addEventListener('keydown', onKey);
  if (standalone) {
    window.addEventListener('hashchange', () => apply(readHash()));
    window.addEventListener('popstate', () => apply(readHash()));
  }
  window.addEventListener('resize', draw);
  window.addEventListener('beforeprint', () => print(true));
  window.addEventListener('afterprint', () => print(false));
}

const kMoves = {ArrowUp: 'up', ArrowDown: 'down', ArrowLeft: 'left', ArrowRight: 'right', Home: 'home', Enter: 'zoom', ' ': 'zoom'};

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target === ui.query) return onQueryKey(event);
  if (event.target.closest('select, textarea')) return;
  const onChart = event.target.closest('[role=tree]') !== null;
  const move = kMoves[event.key];
  if (hasTime() && event.target === strip.handle && onStripKey(event)) return event.preventDefault();
  if (onChart && move) moveCursor(move);
  else if (event.key === 'Escape') escape();
  else if (event.key === '/') ui.query.focus(), ui.query.select();
  else if (event.key === 'n') step(1);
  else if (event.key === 'N') step(-1);
  else if (event.key === 'c') copyStack();
  else if (event.key === 'i') navigate({inverted: !state.inverted});
  else if (event.key === 'r') navigate({reverse: !state.reverse, focus: 0});
  else return;
  event.preventDefault();
}

function onQueryKey(event) {
  if (event.key === 'Enter') step(event.shiftKey ? -1 : 1);
  else if (event.key === 'Escape') {
    navigate({query: ''});
    focusCursor();
  } else return;
  event.preventDefault();
}

function escape() {
  if (state.focus !== 0) navigate({focus: view.parent[state.focus]});
  else if (state.window !== '' || state.baseline !== '') navigate({window: '', baseline: ''});
  else if (state.query !== '') navigate({query: ''});
}

function moveCursor(move) {
  if (move === 'zoom') return isFolded(cursor) && cursor !== state.focus ? navigate({opened: openFold(cursor)}) : navigate({focus: cursor});
  if (move === 'home') return show(state.focus);
  const away = state.inverted ? 'down' : 'up';
  let to = cursor;
  if (move === 'left' || move === 'right') to = neighbour(move === 'left' ? -1 : 1);
  else if (move === away) to = heaviestChild(isFolded(cursor) ? foldEnd(view.fold[cursor]) - 1 : cursor);
  else to = outOfFold(view.parent[cursor]);
  show(to);
}

function neighbour(direction) {
  const row = chart.rows[chart.depths[cursor]] || [];
  for (let at = row.findIndex((box) => box.id === cursor) + direction; at >= 0 && at < row.length; at += direction) {
    if (row[at].w >= SLIVER) return row[at].id;
  }
  return cursor;
}

// A row of a fold is reached by its first frame.
function outOfFold(id) { return isFolded(id) ? view.fold[id] : id; }

function heaviestChild(id) {
  let best = id;
  for (let i = id + 1; i < view.end[id]; i = view.end[i]) {
    if (best === id || view.width[i] > view.width[best]) best = i;
  }
  return best;
}

// Brings a frame into sight, zooming out where it lies outside or is too narrow, and gives it the focus.
function show(id) {
  cursor = id;
  if (isFolded(id) && view.fold[id] !== id) navigate({opened: openFold(id)}, true);   // a match inside
  let focus = state.focus;
  const inside = (at) => (id >= at && id < view.end[at]) || (at >= id && at < view.end[id]);
  while (!inside(focus)) focus = view.parent[focus];
  if (id > focus && view.width[id] * chart.width < SLIVER * view.width[focus]) {
    focus = wideEnough(id, focus);
  }
  if (focus !== state.focus) navigate({focus});
  else draw();
  focusCursor();
}

// The outermost frame below `focus` in whose view `id` is wide enough to be seen.
function wideEnough(id, focus) {
  let best = id;
  for (let up = id; up !== focus && view.width[id] * chart.width >= 12 * view.width[up]; up = view.parent[up]) best = up;
  return best;
}

function focusCursor() {
  const g = (chart.of.get(cursor) || chart.of.get(state.focus) || {}).g;
  if (!g) return;
  g.focus({preventScroll: true});
  g.scrollIntoView({block: 'nearest', inline: 'nearest'});
}

function stackOf(id) {
  const out = [];
  for (let up = id; up !== 0; up = view.parent[up]) out.push(labels[view.name[up]].replaceAll(';', ':'));
  return (state.reverse ? out : out.reverse()).join(';');
}

function copyStack() {
  const text = stackOf(cursor || state.focus);
  const say = (message) => { ui.found.textContent = message; };
  if (text === '') return say('Choose a frame first.');
  if (!navigator.clipboard) return say(text);
  navigator.clipboard.writeText(text).then(() => say('Stack copied.'), () => say(text));
}
