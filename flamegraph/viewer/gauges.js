// What stacks cannot say (flamegraph/svg/time_data.cpp writes it): figures as lanes below the threads', marks across them.
const marks = readMarks(), gauges = readGauges();

function optionalLines(name) {
  const found = profile.getElementsByTagNameNS(DATA, name)[0];
  return found ? found.textContent.split('\n').filter((line) => line !== '') : [];
}

// In ticks.
function readMarks() {
  if (!hasTime()) return [];
  return optionalLines('marks').map((line) => line.split('\t')).filter(([at, text]) => at >= 0 && text)
    .map(([at, text]) => ({at: Math.min(Number(at) * 1e6 / time.tick, time.length), text}));
}

function readGauges() {
  if (!hasTime()) return [];
  return optionalLines('gauges').map((line) => {
    const [label, values] = line.split('\t');
    return {label, values: (values || '').split(' ').map((value) => value === '' ? NaN : Number(value))};
  });
}

// Where lanes have no room beside them, names stand above.
function gaugeHigh() { return strip.left > 0 ? 16 : 28; }
function gaugesHigh() { return gauges.length * gaugeHigh(); }

// As high as its largest value or 100 %, whichever is more.
function drawGauges(top) {
  gauges.forEach((gauge, at) => {
    const y = top + (at + 1) * gaugeHigh() - 2, w = strip.width / gauge.values.length;
    const most = gauge.values.reduce((a, b) => b > a ? b : a, 100);
    let d = '';
    gauge.values.forEach((value, c) => {
      if (value > 0) d += 'M' + (strip.left + c * w).toFixed(1) + ' ' + y + 'h' + w.toFixed(2) + 'v-' + Math.max(12 * value / most, 0.5).toFixed(1) + 'h-' + w.toFixed(2) + 'z';
    });
    element(SVG, 'path', {class: 'ground', d: 'M' + strip.left + ' ' + (y + 0.5) + 'h' + strip.width}, strip.plot);
    if (d) element(SVG, 'path', {class: 'gauge', d}, strip.plot);
    element(SVG, 'text', {x: 0, y: strip.left > 0 ? y - 2 : y - 15}, strip.names).textContent = strip.left > 0 ? clip(gauge.label, strip.left - 10) : gauge.label;
  });
  if (marks.length === 0) return;
  const d = marks.map((mark) => 'M' + (strip.left + mark.at / time.length * strip.width).toFixed(1) + ' 0v' + (top + gaugesHigh())).join('');
  element(SVG, 'path', {class: 'mark', d}, strip.plot);
}

// What a point of the strip is near to, in words.
function marksNear(at) {
  const reach = time.length / strip.width * 4;
  return marks.filter((mark) => Math.abs(mark.at - at) <= reach).map((mark) => clockText(mark.at, 0.01) + ': ' + mark.text);
}

function gaugeSentence(gauge, at) {
  const value = gauge.values[Math.min(Math.floor(at / time.length * gauge.values.length), gauge.values.length - 1)];
  return gauge.label + (Number.isNaN(value) ? ': not known' : ': ' + value.toFixed(value < 10 ? 1 : 0) + ' %');
}

// For screen readers, and for who does not hover.
function marksList() {
  const list = tag('details', {class: 'facts'}, tag('summary', {}, grouped(marks.length) + (marks.length === 1 ? ' event' : ' events')),
    ...marks.map((mark) => tag('p', {}, secondsOf(mark.at).toFixed(2) + ' s: ' + mark.text)));
  list.addEventListener('toggle', place);
  list.hidden = marks.length === 0;
  return list;
}
