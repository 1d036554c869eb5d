// Search: each distinct name is tested once. Plain text by default; /…/ is a regular expression, "…" one
// function exactly, lang:… a language.
const search = {hits: null, error: '', frames: 0, weight: 0, total: 0, list: []};

function tester(query, matchCase) {
  const fold = (text) => matchCase ? text : text.toLowerCase();
  if (query.length > 2 && query.startsWith('/') && query.endsWith('/')) {
    const pattern = new RegExp(query.slice(1, -1), matchCase ? 'u' : 'iu');
    return (name) => pattern.test(labels[name]);
  }
  if (query.length > 2 && query.startsWith('"') && query.endsWith('"')) {
    const exact = query.slice(1, -1);
    return (name) => labels[name] === exact || functions[functionOf[name]].label === exact;
  }
  if (query.startsWith('lang:')) {
    const language = query.slice(5).toLowerCase();
    return (name) => (languages.get(kinds[name]) || '').toLowerCase() === language;
  }
  const text = fold(query);
  return (name) => fold(labels[name]).includes(text);
}

function runSearch() {
  search.hits = null;
  search.error = '';
  search.list = [];
  if (state.query === '') return;
  try {
    const test = tester(state.query, state.matchCase);
    search.hits = Uint8Array.from(labels, (_, name) => name !== 0 && test(name) ? 1 : 0);
  } catch (error) {
    search.error = 'Not a regular expression: ' + error.message;
    return;
  }
  countHits();
}

// Weight of what is inside matching frames, nested ones counted once: of all, and of what is zoomed into.
function countHits() {
  let frames = 0;
  search.total = search.weight = 0;
  const focus = state.focus, focusEnd = view.end[focus];
  let open = 0, openInView = isInside(focus) ? focusEnd : 0;
  if (openInView) search.weight = view.total[focus];
  for (let i = 1; i < view.n; ++i) {
    if (!search.hits[view.name[i]]) continue;
    ++frames;
    search.list.push(i);
    if (i >= open) {
      search.total += view.total[i];
      open = view.end[i];
    }
    if (i >= focus && i < focusEnd && i >= openInView) {
      search.weight += view.total[i];
      openInView = view.end[i];
    }
  }
  search.frames = frames;
}

// Whether a matching frame lies above this one.
function isInside(id) {
  for (let up = id; up !== 0;) {
    up = view.parent[up];
    if (up !== 0 && search.hits[view.name[up]]) return true;
  }
  return false;
}

function searchSentence() {
  if (search.error) return search.error;
  if (!search.hits) return '';
  const of = grouped(search.frames) + ' of ' + grouped(view.n - 1) + ' frames, ';
  return of + (state.focus === 0 ? percent(search.total, view.total[0]) + ' of all'
    : percent(search.weight, view.total[state.focus]) + ' of view, ' + percent(search.total, view.total[0]) + ' of all');
}

// Moves the cursor to the next match in the order of the tree; zooms out where it lies elsewhere.
function step(direction) {
  if (search.list.length === 0) return;
  const list = search.list;
  let at = direction > 0 ? list.findIndex((id) => id > cursor) : list.findLastIndex((id) => id < cursor);
  if (at < 0) at = direction > 0 ? 0 : list.length - 1;
  show(list[at]);
}
