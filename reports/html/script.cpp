#include "reports/html/assets.h"

namespace paretune {

// Written as text nodes and attributes only: nothing that came from outside is ever parsed as HTML
// here.
std::string_view html_script() {
  return R"js(
'use strict';
(() => {
  // Tooltips: the static <title> of a point becomes its label and our own box's text.
  const tip = document.createElement('div');
  tip.id = 'tip';
  tip.hidden = true;
  document.body.append(tip);
  const showTip = (point) => {
    tip.textContent = point.dataset.tip;
    tip.hidden = false;
    const at = point.getBoundingClientRect(), box = tip.getBoundingClientRect();
    let x = at.right + 8, y = at.bottom + 8;
    if (x + box.width > innerWidth - 6) x = Math.max(6, at.left - box.width - 8);
    if (y + box.height > innerHeight - 6) y = Math.max(6, at.top - box.height - 8);
    tip.style.left = x + 'px';
    tip.style.top = y + 'px';
  };

  // Linked highlighting: everything that tells of one trial carries its id.
  let pinned = null;
  const light = (id) => {
    for (const e of document.querySelectorAll('.hot')) e.classList.remove('hot');
    for (const shown of [id, pinned]) {
      if (shown === null) continue;
      for (const e of document.querySelectorAll('[data-trial="' + CSS.escape(shown) + '"]')) e.classList.add('hot');
    }
  };
  for (const point of document.querySelectorAll('.point[data-trial]')) {
    const title = point.querySelector('title');
    point.dataset.tip = title.textContent;
    if (point.hasAttribute('role')) point.setAttribute('aria-label', title.textContent);
    title.remove();
    const enter = () => { light(point.dataset.trial); showTip(point); };
    const leave = () => { light(null); tip.hidden = true; };
    const pin = () => { pinned = pinned === point.dataset.trial ? null : point.dataset.trial; light(point.dataset.trial); };
    point.addEventListener('pointerenter', enter);
    point.addEventListener('pointerleave', leave);
    point.addEventListener('focus', enter);
    point.addEventListener('blur', leave);
    point.addEventListener('click', pin);
    point.addEventListener('keydown', (event) => {
      if (event.key === 'Enter') pin();
      if (event.key === 'Escape') leave();
    });
  }
  for (const row of document.querySelectorAll('tr[data-trial]')) {
    row.addEventListener('pointerenter', () => light(row.dataset.trial));
    row.addEventListener('pointerleave', () => light(null));
  }
  addEventListener('scroll', () => { tip.hidden = true; }, {passive: true});

  // Sorting: by data-sort, else by number, else by text; cells without a number go last either way.
  const keyOf = (row, column) => {
    const cell = row.cells[column], text = cell.dataset.sort ?? cell.textContent;
    const number = text.trim() === '' ? NaN : Number(text);
    return {number, text: cell.textContent};
  };
  for (const table of document.querySelectorAll('table.sortable')) {
    const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
    heads.forEach((head, column) => {
      const button = document.createElement('button');
      button.type = 'button';
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener('click', () => {
        const down = head.getAttribute('aria-sort') === 'ascending';
        for (const other of heads) other.removeAttribute('aria-sort');
        head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
        const numeric = head.classList.contains('num'), sign = down ? -1 : 1;
        const rows = [...body.rows].map((row) => ({row, key: keyOf(row, column)}));
        rows.sort((a, b) => {
          if (!numeric) return sign * a.key.text.localeCompare(b.key.text, 'en', {numeric: true});
          const x = a.key.number, y = b.key.number;
          if (isNaN(x) || isNaN(y)) return isNaN(x) - isNaN(y);
          return sign * (x - y);
        });
        body.append(...rows.map((r) => r.row));
      });
    });
  }

  // The cube turns: the same orthographic projection that drew it.
  const cube = document.getElementById('plot-cube');
  if (!cube) return;
  const size = 215, middle = [230, 180];
  let yaw = -0.65, pitch = 0.42;
  const pointOf = (text) => {
    const [x, y, z] = text.split(' ').map((v) => v / 1000 - 0.5);
    const across = x * Math.cos(yaw) - y * Math.sin(yaw), away = x * Math.sin(yaw) + y * Math.cos(yaw);
    return [middle[0] + size * across, middle[1] - size * (z * Math.cos(pitch) + away * Math.sin(pitch))];
  };
  const turn = () => {
    for (const e of cube.querySelectorAll('[data-a]')) {
      const [x, y] = pointOf(e.dataset.a);
      if (e.localName === 'line') {
        const [x2, y2] = pointOf(e.dataset.b);
        e.setAttribute('x1', x); e.setAttribute('y1', y); e.setAttribute('x2', x2); e.setAttribute('y2', y2);
      } else if (e.localName === 'text') {
        e.setAttribute('x', x); e.setAttribute('y', y);
      } else {
        e.setAttribute('transform', 'translate(' + x + ' ' + y + ')');
      }
    }
  };
  const turnBy = (a, b) => { yaw += a; pitch = Math.max(-1.57, Math.min(1.57, pitch + b)); turn(); };
  let from = null;
  cube.addEventListener('pointerdown', (event) => { from = [event.clientX, event.clientY]; });
  addEventListener('pointermove', (event) => {
    if (!from) return;
    turnBy(-(event.clientX - from[0]) / 150, (event.clientY - from[1]) / 150);
    from = [event.clientX, event.clientY];
  });
  for (const end of ['pointerup', 'pointercancel']) addEventListener(end, () => { from = null; });
  cube.setAttribute('tabindex', '0');
  cube.addEventListener('keydown', (event) => {
    const step = {ArrowLeft: [0.1, 0], ArrowRight: [-0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1]}[event.key];
    if (!step) return;
    turnBy(...step);
    event.preventDefault();
  });
})();
)js";
}

}  // namespace paretune
