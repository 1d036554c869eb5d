// What makes a deep graph readable: chains of frames that only lead on are one row, names lose what tells least first.
const FOLD_LEAST = 5;   // frames that a row stands for, at least

// By frame: the first of the frames that one row stands for, or -1. The ends of a chain stay: they say from where to where.
function foldsOf(view) {
  const {n, parent} = view, children = new Int32Array(n), fold = new Int32Array(n).fill(-1), own = new Uint8Array(n);
  for (let i = 0; i < base.n; ++i) {
    const to = view.of === null ? i : view.of[i];
    if (to >= 0 && (base.self[i] > 0 || base.before[i] > 0)) own[to] = 1;
  }
  for (let i = 1; i < n; ++i) ++children[parent[i]];
  const leads = (i) => i > 0 && children[i] === 1 && own[i] === 0 && !isGroup(kinds[view.name[i]]);
  // An only child lies right behind its parent.
  for (let i = 1; i < n; ++i) {
    if (!leads(i) || leads(parent[i]) || !leads(i + 1)) continue;
    const first = i + 1;
    let end = first;
    while (leads(end)) ++end;
    if (end - first >= FOLD_LEAST) fold.fill(first, first, end);
  }
  return fold;
}

// Where a fold is open, or all are.
function isFolded(id) {
  const first = view.fold[id];
  return first >= 0 && !state.unfold && !opened().has(first);
}

let openedText = null, openedSet = new Set();
function opened() {
  if (openedText !== state.opened) {
    openedText = state.opened;
    openedSet = new Set(state.opened === '' ? [] : state.opened.split('.').map(Number));
  }
  return openedSet;
}

function openFold(id) {
  const all = new Set(opened()).add(view.fold[id]);
  return [...all].slice(-200).join('.');
}

function foldEnd(first) {
  let end = first;
  while (end < view.n && view.fold[end] === first) ++end;
  return end;
}

function foldLabel(first) { return (foldEnd(first) - first) + ' frames'; }

// Whether any frame of a fold matches what is searched for.
function foldHit(first) {
  for (let i = first, end = foldEnd(first); i < end; ++i) if (search.hits[view.name[i]] === 1) return true;
  return false;
}

// A name's shorter forms, the longest first: without its place, parameters and template arguments, then without what stands
// before a separator: `compress/flate.(*compressor).findMatch`, `flate.(*compressor).findMatch`, `(*compressor).findMatch`, `findMatch`.
const shorterOf = [];
function shorterNames(name) {
  if (shorterOf[name]) return shorterOf[name];
  const label = labels[name], place = label.lastIndexOf(' (');
  let text = place > 0 && !isGroup(kinds[name]) ? label.slice(0, place) : label;
  const out = [text];
  if (kinds[name] === 'c' || kinds[name] === 'k') text = withoutArguments(text);
  out.push(text);
  for (let at = 0, deep = 0; at < text.length - 1; ++at) {
    const c = text[at];
    if (c === '(' || c === '<' || c === '[') ++deep;
    else if (c === ')' || c === '>' || c === ']') --deep;
    else if (deep > 0) continue;
    else if (c === '/' || c === '\\' || c === '.' || c === '#' || (c === ':' && text[at - 1] === ':')) out.push(text.slice(at + 1));
  }
  return shorterOf[name] = out.filter((one) => one !== '' && !/^0x|^\d|^so\b/.test(one));
}

// The longest form of at most so many characters, else the shortest.
function shortName(name, most) {
  const all = shorterNames(name);
  return all.find((one) => one.length <= most) || all[all.length - 1] || labels[name];
}

function withoutArguments(text) {
  let out = '', deep = 0;
  for (let at = 0; at < text.length; ++at) {
    const c = text[at];
    if (c === '<' && !/operator<*$/.test(text.slice(0, at))) ++deep;
    else if (c === '>' && deep > 0) --deep;
    else if (c === '(' && deep === 0 && at > 0 && !text.startsWith('(anonymous', at)) break;
    else if (deep === 0) out += c;
  }
  return out || text;
}
