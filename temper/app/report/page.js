// Draws the curves of the report from the JSON in #data. Colours come from the style sheet, so that
// light, dark and print need no second list.
(() => {
  'use strict';
  const stages = JSON.parse(document.getElementById('data').textContent);
  const names = {step: 'step', tokens: 'tokens', seconds: 'seconds'};
  const root = document.documentElement;
  const colour = name => getComputedStyle(root).getPropertyValue(name).trim();
  const short = value => {
    const size = Math.abs(value);
    if (size >= 1e6) return +(value / 1e6).toPrecision(3) + ' M';
    if (size >= 1e4) return +(value / 1e3).toPrecision(3) + ' k';
    if (size > 0 && size < 1e-3) return value.toExponential(1);
    return String(+value.toPrecision(4));
  };
  let axis = 'step';
  let drawn = [];

  function dataset(series, index, xs) {
    const line = colour('--series-' + (index % 6 + 1));
    const points = series.style === 'points';
    const faint = series.style === 'edge' || series.style === 'band';
    return {
      label: series.label,
      data: series.values.map((y, i) => ({x: xs[i], y})),
      borderColor: faint ? 'transparent' : line,
      backgroundColor: faint ? colour('--band') : line,
      fill: series.style === 'band' ? '-1' : false,
      borderWidth: points || xs.length > 200 ? 1 : 1.6,
      borderDash: points ? [3, 3] : [],
      pointRadius: points ? 3.5 : xs.length < 2 ? 3 : 0,
      pointStyle: points ? 'rectRot' : 'circle',
      pointHitRadius: 8,
      spanGaps: true,
      tension: 0,
    };
  }

  function draw(canvas, chart, axes) {
    const key = axes[axis] ? axis : 'step';
    const ink = colour('--soft'), rule = colour('--rule');
    const font = {family: 'ui-monospace, "SF Mono", "DejaVu Sans Mono", Menlo, monospace', size: 10.5};
    const ticks = {color: ink, font, callback: short, maxTicksLimit: 5, maxRotation: 0};
    const visible = chart.series.filter(s => s.style !== 'edge' && s.style !== 'band').length;
    const ys = chart.series.flatMap(s => s.values).filter(y => y !== null);
    const low = Math.min(...ys), high = Math.max(...ys);
    // From 0 where that costs little; a constant stands in the middle.
    const room = 0.06 * (high - low || Math.abs(high) || 1);
    const y = {grid: {color: rule, borderColor: 'transparent', drawTicks: false}, ticks};
    if (low >= 0 && (low < 0.6 * high || low === high)) y.min = 0;
    else y.suggestedMin = low - room;
    y.suggestedMax = low === high && low >= 0 ? 2 * low || 1 : high + (high > 1 ? room : 0);
    drawn.push(new Chart(canvas, {
      type: 'line',
      data: {datasets: chart.series.map((s, i) => dataset(s, i, axes[key]))},
      options: {
        animation: false,
        responsive: true,
        maintainAspectRatio: false,
        interaction: {mode: 'index', intersect: false},
        scales: {
          x: {
            type: 'linear',
            grid: {display: false, borderColor: rule},
            ticks,
            min: key === 'step' ? axes.step[0] : 0,
            max: axes[key][axes[key].length - 1],
            title: {display: true, text: names[key], color: ink, font, padding: 0},
          },
          y,
        },
        plugins: {
          legend: {
            display: visible > 1,
            align: 'start',
            labels: {
              color: ink, font, boxWidth: 14, boxHeight: 1.5, padding: 8,
              filter: item => !['transparent'].includes(item.strokeStyle),
            },
          },
          tooltip: {
            backgroundColor: colour('--ink'), titleColor: colour('--paper'),
            bodyColor: colour('--paper'), titleFont: font, bodyFont: font, cornerRadius: 3,
            displayColors: false, padding: 8,
            callbacks: {
              title: items => names[key] + ' ' + short(items[0].parsed.x),
              label: item => item.dataset.label + '  ' + short(item.parsed.y),
            },
          },
        },
      },
    }));
  }

  function redraw() {
    drawn.forEach(chart => chart.destroy());
    drawn = [];
    for (const stage of stages) {
      for (const chart of stage.charts) draw(document.getElementById(chart.id), chart, stage.axes);
    }
  }

  document.querySelectorAll('.axis input').forEach(input => {
    input.addEventListener('change', () => {
      axis = input.value;
      document.querySelectorAll('.axis input').forEach(other => {
        other.checked = other.value === axis;
      });
      redraw();
    });
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);

  let closed = [];
  addEventListener('beforeprint', () => {
    closed = [...document.querySelectorAll('details:not([open])')];
    closed.forEach(element => { element.open = true; });
    root.classList.add('printing');
    redraw();
  });
  addEventListener('afterprint', () => {
    closed.forEach(element => { element.open = false; });
    root.classList.remove('printing');
    redraw();
  });
  redraw();
})();
