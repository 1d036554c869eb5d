// Everything around the chart, in XHTML: head and toolbar above, the table of functions below.
const ui = {};

const tag = (name, attributes, ...children) => {
  const made = element(HTML, name, attributes || {}, null);
  for (const child of children) made.append(child);
  return made;
};

function button(label, title, action, attributes) {
  const made = tag('button', {type: 'button', title, ...attributes}, label);
  made.addEventListener('click', action);
  return made;
}

function toggle(label, title, key) {
  const made = button(label, title, () => navigate({[key]: !state[key], ...(kReshaping.has(key) ? {focus: 0} : {})}));
  made.dataset.state = key;
  return made;
}

function openHead(parent) {
  const box = element(SVG, 'foreignObject', {x: 0, y: 0, width: '100%', height: 1}, parent);
  ui.head = tag('div', {class: 'head'});
  ui.head.append(tag('h1', {}, attr('title') || 'Flame graph'));
  if (attr('subtitle')) ui.head.append(tag('p', {class: 'sub'}, attr('subtitle')));
  ui.head.append(tag('p', {class: 'facts'}, attr('facts')));
  ui.words = tag('p', {class: 'facts'});
  ui.head.append(ui.words);
  ui.head.append(...optionalLines('alerts').map((alert) => tag('p', {class: 'alert'}, alert)), marksList(), notes());
  const bars = tag('div', {class: 'row'}, searchBar(), optionBar());
  ui.head.append(bars);
  ui.legend = tag('div', {class: 'legend', role: 'group', 'aria-label': 'Legend'});
  ui.head.append(tag('div', {class: 'row'}, ui.legend, ...(hasTime() ? [timeBar(), burstBar()] : [])));
  box.append(ui.head);
  ui.headBox = box;
}

// How it was measured: there for who asks, not in the way of the answer.
function notes() {
  const all = lines('notes'), left = Number(attr('left-out'));
  if (left > 0) all.push(grouped(left) + ' of the lightest frames are summed up as [lighter frames].');
  const made = tag('details', {class: 'facts'}, tag('summary', {}, 'How it was measured'), ...all.map((note) => tag('p', {}, note)));
  made.addEventListener('toggle', place);
  made.hidden = all.length === 0;
  return made;
}

function searchBar() {
  ui.query = tag('input', {type: 'search', placeholder: 'Search functions', 'aria-label': 'Search functions',
    title: 'Plain text; /…/ is a regular expression, "…" one function exactly (key: /)', maxlength: 1000,
    spellcheck: 'false', autocomplete: 'off'});
  ui.query.addEventListener('input', () => navigate({query: ui.query.value}, true));
  ui.found = tag('span', {class: 'found', role: 'status', 'aria-live': 'polite'});
  ui.steps = tag('span', {class: 'group'},
    button('\u2039', 'Previous match (N)', () => step(-1), {'aria-label': 'Previous match'}),
    button('\u203a', 'Next match (n)', () => step(1), {'aria-label': 'Next match'}));
  ui.reset = button('Show all', 'Zoom out (Esc)', () => navigate({focus: 0}), {class: 'main'});
  return tag('div', {class: 'bar', role: 'search'}, ui.query, toggle('Aa', 'Match upper and lower case', 'matchCase'),
    ui.steps, ui.reset, moreButton(), ui.found);
}

// On a narrow page the ways to draw wait behind one button.
function moreButton() {
  const made = button('Options', 'How to draw', () => {
    made.setAttribute('aria-expanded', String(root.classList.toggle('more')));
    place();
  }, {class: 'fewer', 'aria-expanded': 'false'});
  return made;
}

function optionBar() {
  const bar = tag('div', {class: 'bar options', role: 'toolbar', 'aria-label': 'How to draw'},
    toggle('Root on top', 'Draw from the top down (i)', 'inverted'),
    toggle('Callers', 'Merge from the leaf: who calls what takes the time (r)', 'reverse'),
    toggle('Fold recursion', 'A function that calls itself is one frame', 'recursion'),
    toggle('All frames', 'Show each frame of long chains that only lead on', 'unfold'),
    toggle('By weight', 'The heaviest frame first, not by name', 'weight'));
  if (labels.length > functions.length) bar.append(toggle('Lines', 'One frame a line, not a function', 'lines'));
  const found = parts();
  if (found.length > 0) bar.append(toggle('Split', 'One tree for each process and thread', 'split'));
  if (found.length > 1) bar.append(partChoice(found));
  bar.append(button('Copy stack', 'Copy the stack of the chosen frame (c)', copyStack));
  return bar;
}

function partChoice(found) {
  ui.part = tag('select', {'aria-label': 'Process or thread'}, tag('option', {value: '0'}, 'All processes and threads'));
  for (const [id, label] of found.slice(0, 2000)) ui.part.append(tag('option', {value: String(id)}, label));
  ui.part.addEventListener('change', () => navigate({part: Number(ui.part.value), focus: 0}));
  return ui.part;
}

function openFoot(parent) {
  ui.footBox = element(SVG, 'foreignObject', {x: 0, y: 0, width: '100%', height: 1}, parent);
  ui.foot = tag('div', {class: 'foot'});
  ui.footBox.append(ui.foot);
}

function fillPanels() {
  for (const made of ui.head.querySelectorAll('[data-state]')) {
    made.setAttribute('aria-pressed', String(state[made.dataset.state]));
  }
  fillPressed();
  if (document.activeElement !== ui.query || ui.query.value.trim() !== state.query) ui.query.value = state.query;
  if (ui.part) ui.part.value = String(state.part);
  ui.reset.hidden = state.focus === 0;
  fillFound();
}

function fillPressed() {
  for (const made of root.querySelectorAll('[data-query]')) {
    made.setAttribute('aria-pressed', String(state.query === made.dataset.query));
  }
}

function fillFound() {
  ui.steps.hidden = !search.hits;
  ui.found.textContent = searchSentence();
  ui.found.classList.toggle('bad', search.error !== '');
}

function fillLegend() {
  ui.legend.textContent = '';
  if (differs) {
    for (const [step, text] of [[0, '\u2212 less than before'], [4, changed ? 'the same, or not told from chance' : 'the same'], [8, '+ more than before']]) {
      ui.legend.append(tag('span', {class: 'chip'}, tag('span', {class: 'swatch d' + step}), text));
    }
    return;
  }
  for (const [language, share] of table.shares) {
    const chip = button('', 'Mark all frames of ' + language, () => {
      const query = 'lang:' + language;
      navigate({query: state.query === query ? '' : query});
    }, {class: 'chip', 'data-query': 'lang:' + language});
    chip.append(tag('span', {class: 'swatch k-' + share.kind}), language + ' ' + percent(share.self, table.total));
    ui.legend.append(chip);
  }
}

// Own and total weight of each function in what is looked at, recursion counted once.
const table = {rows: [], shares: [], total: 0, sort: 'self', shown: 10};

function countTable() {
  const rows = functions.map((f, id) => ({id, self: 0, total: 0, before: 0, selfBefore: 0}));
  const open = new Int32Array(functions.length), shares = new Map();
  for (let i = state.focus, end = view.end[state.focus]; i < end; ++i) {
    const row = rows[functionOf[view.name[i]]];
    row.self += view.self[i];
    row.selfBefore += view.selfBefore[i];
    if (i !== 0 && view.self[i] > 0) addShare(shares, kinds[view.name[i]], view.self[i]);
    if (i < open[row.id]) continue;
    open[row.id] = view.end[i];
    row.total += view.total[i];
    row.before += view.before[i];
  }
  table.total = view.total[state.focus];
  table.before = view.before[state.focus];
  table.rows = rows.filter((row) => row.id !== 0 && !isGroup(functions[row.id].kind) && (row.total > 0 || row.before > 0));
  table.shares = [...shares].sort((a, b) => b[1].self - a[1].self);
}

function addShare(shares, kind, weight) {
  const language = languages.get(kind);
  const share = shares.get(language);
  if (share) share.self += weight;
  else shares.set(language, {kind, self: weight});
}

function fillTable() {
  const weigh = differs ? (row) => table.sort === 'self' ? Math.abs(row.self - row.selfBefore) : Math.abs(row.total - row.before)
    : (row) => row[table.sort];
  const rows = [...table.rows].sort((a, b) => byChance(a.id) - byChance(b.id) || weigh(b) - weigh(a) || b.total - a.total || a.id - b.id);
  const body = tag('tbody');
  for (const row of rows.slice(0, table.shown)) body.append(tableRow(row));
  const head = tag('tr', {}, sortHead('self', 'Own'), sortHead('total', 'With callees'), tag('th', {scope: 'col'}, 'Function'));
  ui.foot.textContent = '';
  ui.foot.append(tag('h2', {}, (differs ? 'Largest changes' : 'Top functions') + (state.focus === 0 ? '' : ' in this view')),
    tag('table', {}, tag('thead', {}, head), body));
  if (rows.length > table.shown) {
    ui.foot.append(button('Show more of ' + grouped(rows.length), 'Show 100 more rows', () => {
      table.shown += 100;
      fillTable();
      fillPressed();
      place();
    }));
  }
  ui.foot.append(tag('p', {class: 'keys'}, 'Keys: arrows move, Enter zooms, Esc zooms out, / searches, n and N step through ' +
    'matches, c copies the stack, i turns, r reverses.'));
}

function sortHead(key, label) {
  const made = tag('th', {scope: 'col', 'aria-sort': table.sort === key ? 'descending' : 'none'});
  made.append(button(label + (table.sort === key ? ' \u25be' : ''), 'Sort by this', () => {
    table.sort = key;
    fillTable();
    fillPressed();
    place();
  }));
  return made;
}

function tableRow(row) {
  const f = functions[row.id], query = '"' + f.label + '"';
  const figure = (before, after) => differs ? percent(before, table.before) + ' \u2192 ' + percent(after, table.total)
    : percent(after, table.total);
  const name = button('', 'Mark all frames of this function', () => navigate({query: state.query === query ? '' : query}),
    {class: 'name', 'data-query': query});
  name.append(tag('span', {class: 'swatch k-' + f.kind}), page.side > 0 ? shortName(f.name, 30) : f.label);
  if (page.side > 0) name.title = f.label;
  const bar = tag('span', {class: 'meter', 'aria-hidden': 'true'}, tag('span', {class: 'k-' + f.kind}));
  bar.firstChild.style.width = (table.total > 0 ? Math.min(100 * row.self / table.total, 100) : 0) + '%';
  return tag('tr', byChance(row.id) ? {class: 'chance'} : {}, tag('td', {}, figure(row.selfBefore, row.self), bar), tag('td', {}, figure(row.before, row.total)), tag('td', {}, name));
}

function fillWords() {
  const rows = [...table.rows].sort((a, b) => b.self - a.self).slice(0, 3).filter((row) => row.self > 0);
  ui.words.textContent = differs || rows.length === 0 ? '' : 'Most time of its own: ' + rows.map((row) =>
    shortName(functions[row.id].name, 44) + ' (' + languages.get(functions[row.id].kind) + ') ' + percent(row.self, table.total)).join('; ') + '.';
}
