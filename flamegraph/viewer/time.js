// When samples were taken (flamegraph/svg/time_data.cpp writes it), and what of them lies in a window. A view's shape stays
// as it is while the window moves: only its weights are counted anew, leaves first, then one pass up the pre-order.
const time = readTime();

function hasTime() { return time !== null; }

function readTime() {
  const found = profile.getElementsByTagNameNS(DATA, 'time')[0];
  if (!found || isDiff) return null;
  const get = (name) => Number(found.getAttribute(name)) || 0;
  const tick = Math.max(get('tick'), 1), n = get('samples'), weighed = found.getAttribute('weighed') === '1';
  const number = numbers(found.textContent);
  const stacks = new Int32Array(number());
  for (let i = 0; i < stacks.length; ++i) stacks[i] = number();
  const read = {n, tick, start: get('start'), length: Math.max(get('length') * 1000 / tick, 1), ofTime: unit === 'nanoseconds',
    at: new Float64Array(n), leaf: new Int32Array(n), weight: weighed ? new Float64Array(n) : null, lanes: []};
  let to = 0;
  for (const line of part('threads').split('\n')) {
    const [process, thread] = line.split('\t'), from = to;
    to = readLane(read, number, stacks, to);
    read.lanes.push({process, thread: thread || '', from, to, longest: longestOf(read, from, to)});
    if (to > from) read.length = Math.max(read.length, read.at[to - 1] + 1);
  }
  return read;
}

function readLane(into, number, stacks, to) {
  const recent = new Int32Array(64);
  let known = 0, at = 0;
  for (let left = number(); left > 0; --left, ++to) {
    const token = number(), place = token >> 1;
    const rank = place === 0 ? number() : recent[place - 1];
    if (place !== 1) {
      const until = place !== 0 ? place - 1 : Math.min(known, 63);
      recent.copyWithin(1, 0, until);
      recent[0] = rank;
      if (place === 0 && known < 64) ++known;
    }
    at += token & 1 ? number() : 1;
    into.at[to] = at;
    into.leaf[to] = stacks[rank];
    if (into.weight) into.weight[to] = number();
  }
  return to;
}

// Of waits, in ticks; samples are points.
function longestOf(of, from, to) {
  if (!of.ofTime || !of.weight) return 0;
  let most = 0;
  for (let i = from; i < to; ++i) most = Math.max(most, of.weight[i]);
  return most / of.tick;
}

// The first sample of a lane at or after a moment.
function firstAt(lane, at) {
  let low = lane.from, high = lane.to;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (time.at[middle] < at) low = middle + 1;
    else high = middle;
  }
  return low;
}

// Calls take(sample, weight) for what of a lane lies in [from, to): of a wait its part.
function eachWithin(lane, from, to, take) {
  const {at, weight, tick, ofTime} = time;
  for (let i = firstAt(lane, from - lane.longest); i < lane.to && at[i] < to; ++i) {
    const whole = weight === null ? 1 : weight[i], length = ofTime ? whole / tick : 0;
    if (length <= 1) {
      if (at[i] >= from) take(i, ofTime ? whole * 1000 : whole);
    } else {
      const inside = Math.min(at[i] + length, to) - Math.max(at[i], from);
      if (inside > 0) take(i, inside * tick * 1000);
    }
  }
}

// Weight by place in base of what a window holds.
function weigh(window, lanes) {
  const self = new Float64Array(base.n);
  for (const lane of lanes) eachWithin(lane, window.from, window.to, (i, weight) => { self[time.leaf[i]] += weight; });
  return self;
}

// `1.25-3.5` of seconds as ticks, or null.
function windowOf(text) {
  const match = /^(\d{1,9}(?:\.\d{1,6})?)-(\d{1,9}(?:\.\d{1,6})?)$/.exec(text);
  if (!match || !time) return null;
  const ticks = (seconds) => Math.min(Number(seconds) * 1e6 / time.tick, time.length);
  const from = ticks(match[1]), to = ticks(match[2]);
  return to > from ? {from, to} : null;
}

function secondsOf(ticks) { return ticks * time.tick / 1e6; }
function windowText(from, to) {
  const low = Math.max(0, Math.min(from, to)), high = Math.min(time.length, Math.max(from, to));
  return secondsOf(low).toFixed(3) + '-' + secondsOf(Math.max(high, low + 1)).toFixed(3);
}

// Weighs the view anew for the windows of the state.
function weighView(view) {
  const window = windowOf(state.window), before = windowOf(state.baseline);
  differs = isDiff || before !== null;
  const self = window ? weigh(window, time.lanes) : base.self;
  let selfBefore = before ? weigh(before, time.lanes) : base.before;
  if (before) selfBefore = scaled(selfBefore, sum(self));
  fill(view, self, selfBefore);
}

function sum(list) {
  let total = 0;
  for (const one of list) total += one;
  return total;
}

// So that both windows count alike.
function scaled(list, to) {
  const total = sum(list);
  return total > 0 && to > 0 ? list.map((one) => one * to / total) : list;
}

function fill(view, self, before) {
  const {of, n, parent} = view;
  view.weighed = {};   // another one than before: what was drawn by it is no longer true
  view.self.fill(0);
  view.selfBefore.fill(0);
  for (let i = 0; i < base.n; ++i) {
    if (self[i] === 0 && before[i] === 0) continue;
    const to = of === null ? i : of[i];
    if (to < 0) continue;
    view.self[to] += self[i];
    view.selfBefore[to] += before[i];
  }
  view.total.set(view.self);
  view.before.set(view.selfBefore);
  for (let i = 0; i < n; ++i) view.width[i] = Math.max(view.self[i], view.selfBefore[i]);
  for (let i = n - 1; i > 0; --i) {
    const up = parent[i];
    view.total[up] += view.total[i];
    view.before[up] += view.before[i];
    view.width[up] += view.width[i];
  }
  placeAll(view);
}

// Where each frame starts, by what stands before it.
function placeAll(view) {
  const filled = new Float64Array(view.n);
  for (let i = 1; i < view.n; ++i) {
    const up = view.parent[i];
    view.start[i] = view.start[up] + filled[up];
    filled[up] += view.width[i];
  }
}
