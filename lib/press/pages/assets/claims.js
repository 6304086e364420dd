(function () {
  const form = document.querySelector('.paper-filter');
  const rows = [...document.querySelectorAll('.paper-claims tbody tr')];
  const asked = new URLSearchParams(location.search);
  const selects = [...form.querySelectorAll('select')];
  for (const select of selects) {
    const wanted = asked.get(select.name);
    if ([...select.options].some((option) => option.value === wanted)) select.value = wanted;
  }
  function show() {
    let count = 0;
    for (const row of rows) {
      row.hidden = selects.some((select) => select.value && row.dataset[select.name] !== select.value);
      count += !row.hidden;
    }
    form.querySelector('output').textContent = count + ' of ' + rows.length + ' rows';
  }
  form.addEventListener('change', show);
  form.addEventListener('submit', (event) => event.preventDefault());
  form.hidden = false;
  show();
})();
