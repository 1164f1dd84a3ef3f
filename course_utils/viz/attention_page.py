"""Style and script of the attention viewer's page. The script draws what stands in the page and asks for nothing."""

ROW = 24                                                           # pixels: the height of a token

# `from` are the tokens that look, `to` what they look at: a bar as long as the weight, its share in figures.
RULES = f"""
body{{margin:0}}
.columns{{display:grid;grid-template-columns:minmax(0,1fr) 32% minmax(0,1fr);margin-top:6px}}
.columns h2{{font-size:12px;font-weight:400;color:#595959;margin:0 8px 2px;height:18px;white-space:nowrap}}
.from{{text-align:right}}
.from button,.to div{{display:block;box-sizing:border-box;width:100%;height:{ROW}px;padding:0 8px;font:15px sans-serif;
line-height:{ROW}px;color:#000;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}}
.from button{{text-align:right;background:none;border:0;border-radius:4px;cursor:pointer}}
.from button:hover{{background:#eef5fa}}
.from button[aria-pressed=true]{{background:#d9eaf5;font-weight:600}}
.from button:focus-visible,select:focus-visible{{outline:3px solid #0072b2;outline-offset:-3px}}
.to div{{display:flex;gap:8px;border-radius:4px}}
.to span{{overflow:hidden;text-overflow:ellipsis;white-space:pre}}
.to small{{font-size:12px;margin-left:auto}}
.from button{{white-space:pre}}
svg{{width:100%;display:block;margin-top:20px}}
path{{fill:none;stroke:#0072b2;vector-effect:non-scaling-stroke}}
.one path{{display:none}}
.one path.lit{{display:inline;stroke-opacity:.8}}
label{{margin-right:14px}}
select{{font:inherit;padding:2px 4px;background:#fff;color:#000;border:1px solid #888;border-radius:4px}}
[role=status]{{font-size:13px;line-height:18px;height:36px;overflow:hidden;margin:8px 0 0}}
"""

# Weights: heads between semicolons, layer after layer; rows between commas; each weight is two digits to the base of 32
# and counts thousandths. Zeros at the end of a row are left out.
SCRIPT = """
const find = (rule) => [...document.querySelectorAll(rule)], [layer, head] = find('select');
const queries = find('.from button'), keys = find('.to div'), [picture] = find('svg'), [status] = find('[role=status]');
const heads = find('#weights')[0].textContent.split(';').map(rows => rows.split(','));
const ROW = 24, LEAST = 0.01;
const weight = (row, key) => (parseInt(row.slice(2 * key, 2 * key + 2), 32) || 0) / 1000;
const percent = (share) => share > 0 && share < 0.005 ? '<1 %' : Math.round(100 * share) + ' %';
let chosen = queries.findIndex(button => button.getAttribute('aria-pressed') === 'true'), pointed = -1;

function rowsNow() {
  return heads[layer.value * head.options.length + Number(head.value)];
}

function drawLines() {
  picture.textContent = '';
  rowsNow().forEach((row, query) => keys.forEach((_, key) => {
    const share = weight(row, key), from = ROW * (query + 0.5), to = ROW * (key + 0.5);
    if (share < LEAST) return;
    const line = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    line.setAttribute('d', `M0 ${from}C40 ${from} 60 ${to} 100 ${to}`);
    line.setAttribute('stroke-width', 0.6 + 7 * share);
    line.setAttribute('stroke-opacity', 0.1 + 0.8 * share);
    line.dataset.query = query;
    picture.append(line);
  }));
  light();
}

function light() {
  const query = pointed >= 0 ? pointed : chosen, row = query >= 0 ? rowsNow()[query] : '';
  picture.classList.toggle('one', query >= 0);
  for (const line of picture.children) line.classList.toggle('lit', Number(line.dataset.query) === query);
  keys.forEach((key, place) => {
    const share = weight(row, place), end = 100 * share + '%';
    key.style.background = share ? `linear-gradient(90deg,#a6cde6 ${end},transparent ${end})` : '';
    key.lastChild.textContent = query >= 0 ? percent(share) : '';
  });
  queries.forEach((button, place) => {
    button.setAttribute('aria-pressed', place === chosen);
    button.tabIndex = place === Math.max(chosen, 0) ? 0 : -1;
  });
  status.textContent = query >= 0 ? said(query, row) : status.dataset.help;
}

function said(query, row) {
  const order = keys.map((key, place) => [weight(row, place), place, key.firstChild.textContent]);
  const most = order.sort((a, b) => b[0] - a[0] || a[1] - b[1]).slice(0, 5).filter(([share]) => share >= LEAST);
  const words = most.map(([share, , key]) => `${key} ${percent(share)}`).join(', ');
  return `Layer ${layer.value}, head ${head.value}: ${queries[query].textContent} looks at ${words}`;
}

function move(event) {
  const last = queries.length - 1, here = queries.indexOf(event.target);
  const places = {ArrowDown: Math.min(here + 1, last), ArrowUp: Math.max(here - 1, 0), Home: 0, End: last};
  if (event.key === 'Escape') { chosen = -1; light(); }
  if (!(event.key in places)) return;
  event.preventDefault();
  queries[places[event.key]].focus();
}

queries.forEach((button, place) => {
  button.addEventListener('focus', () => { chosen = place; light(); });
  button.addEventListener('click', () => { chosen = place; light(); });
  button.addEventListener('mouseenter', () => { pointed = place; light(); });
  button.addEventListener('mouseleave', () => { pointed = -1; light(); });
  button.addEventListener('keydown', move);
});
for (const select of [layer, head]) select.addEventListener('input', drawLines);
drawLines();
"""
