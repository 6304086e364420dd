(function () {
  const graph = document.querySelector('.press-graph');
  const said = graph.querySelector('.press-graph-said');
  const nodes = new Map();
  for (const node of graph.querySelectorAll('a.node')) nodes.set(node.dataset.node, node);
  const edges = [...graph.querySelectorAll('.press-graph-picture .edge')];
  const near = new Map([...nodes.keys()].map((id) => [id, []]));
  for (const edge of edges) {
    near.get(edge.dataset.from).push(edge);
    near.get(edge.dataset.to).push(edge);
  }
  function clear() {
    graph.classList.remove('lit');
    for (const element of graph.querySelectorAll('.on')) element.classList.remove('on');
    said.textContent = hint;
  }
  function light(node) {
    clear();
    const id = node.dataset.node;
    const others = new Set();
    for (const edge of near.get(id)) {
      edge.classList.add('on');
      others.add(edge.dataset.from === id ? edge.dataset.to : edge.dataset.from);
    }
    node.classList.add('on');
    for (const other of others) nodes.get(other).classList.add('on');
    graph.classList.add('lit');
    said.textContent = node.querySelector('title').textContent + ' (joined to ' + others.size + ')';
  }
  /* Arrow keys go to the next mark in their direction; Tab goes through all of them as through any links. */
  const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  function middle(node) {
    const box = node.querySelector('.mark').getBoundingClientRect();
    return [box.x + box.width / 2, box.y + box.height / 2];
  }
  function next(node, way) {
    const [x, y] = middle(node);
    let best = null;
    let least = Infinity;
    for (const other of nodes.values()) {
      if (other === node || getComputedStyle(other).display === 'none') continue;
      const [dx, dy] = [middle(other)[0] - x, middle(other)[1] - y];
      const along = dx * way[0] + dy * way[1];
      const aside = Math.abs(dx * way[1]) + Math.abs(dy * way[0]);
      if (along > 1 && aside <= 3 * along && along + 2 * aside < least) [best, least] = [other, along + 2 * aside];
    }
    return best;
  }
  const hint = 'Point at a mark to see what it is joined to. With the keyboard: Tab, then the arrow keys.';
  graph.addEventListener('pointerover', (event) => {
    const node = event.target.closest('a.node');
    if (node) light(node);
    else if (!graph.contains(document.activeElement) || !document.activeElement.matches('a.node')) clear();
  });
  graph.addEventListener('pointerleave', clear);
  graph.addEventListener('focusin', (event) => event.target.closest('a.node') && light(event.target.closest('a.node')));
  graph.addEventListener('focusout', clear);
  graph.addEventListener('keydown', (event) => {
    const node = event.target.closest('a.node');
    if (!node) return;
    if (event.key === 'Escape') clear();
    const other = ways[event.key] && next(node, ways[event.key]);
    if (other) {
      other.focus();
      event.preventDefault();
    }
  });
  clear();
})();
