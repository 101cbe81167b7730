// What the pages do besides, where scripts run: ask the policy while one types, watch a job, take a dropped file, copy a
// hash. Every page works without it.
(() => {
  'use strict';
  const find = (selector) => document.querySelector(selector);
  const all = (selector) => document.querySelectorAll(selector);
  const make = (tag, text, name) => {
    const node = document.createElement(tag);
    if (text) node.textContent = text;
    if (name) node.className = name;
    return node;
  };

  // Evidence stands in <details>; a link into one opens it.
  const open = () => {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const part = target && target.closest('details');
    if (part) { part.open = true; part.scrollIntoView(); }
  };
  addEventListener('hashchange', open);
  open();

  // Copy a hash, key or command.
  if (navigator.clipboard) {
    for (const source of all('[data-copy]')) {
      const button = make('button', 'Copy', 'copy');
      button.type = 'button';
      button.setAttribute('aria-label', 'Copy ' + source.textContent.trim().slice(0, 24));
      button.addEventListener('click', async () => {
        try { await navigator.clipboard.writeText(source.textContent); button.textContent = 'Copied'; }
        catch { button.textContent = 'Could not copy'; }
        setTimeout(() => { button.textContent = 'Copy'; }, 1600);
      });
      source.after(button);
    }
  }

  // A form goes once. Coming back with the browser's button finds it ready again.
  for (const form of all('form[data-once]')) {
    const button = form.querySelector('button:not([type=button])');
    const label = button.textContent;
    form.addEventListener('submit', () => { button.disabled = true; button.textContent = form.dataset.once; });
    addEventListener('pageshow', () => { button.disabled = false; button.textContent = label; });
  }

  // The policy's answer while one types.
  const words = find('[data-check]');
  if (words) {
    const live = find('#policy-live');
    const use = find('#use');
    const token = find('input[name=csrf]');
    let timer, running;
    const show = (answer) => {
      const fine = answer.outcome === 'allow' || answer.outcome === 'allow-with-notice';
      const rules = answer.rules || [];
      live.replaceChildren();
      // What cannot be seen is not kept from whoever typed it.
      if (answer.read_as) live.append(make('span', 'The model is given: ' + answer.read_as, 'fine'), make('br'));
      if (answer.outcome === 'allow' && !rules.length) return;
      live.append(make('span', answer.sentence, fine ? '' : 'refused'));
      for (const rule of rules) {
        live.append(make('br'), (rule.words || []).map((w) => '“' + w + '”').join(', ') + (rule.words && rule.words.length ? ': ' : '') + rule.why + ' ');
        const place = make('a', rule.rule);
        place.href = rule.url || '/policies';
        live.append(place);
        for (const other of rule.alternatives || []) {
          const button = make('button', 'Instead: ' + other, 'copy');
          button.type = 'button';
          button.addEventListener('click', () => { words.value = other; words.focus(); ask(); });
          live.append(button);
        }
      }
    };
    const ask = async () => {
      if (running) running.abort();
      const prompt = words.value.trim();
      if (!prompt) { live.replaceChildren(); return; }
      const mine = running = new AbortController();
      try {
        const reply = await fetch(words.dataset.check, {
          method: 'POST', signal: mine.signal,
          headers: { 'content-type': 'application/json', accept: 'application/json', 'x-csrf-token': token ? token.value : '' },
          body: JSON.stringify({ prompt, use: use ? use.value : 'personal' }),
        });
        if (reply.ok && !mine.signal.aborted) show(await reply.json());
        else if (!mine.signal.aborted) live.replaceChildren();
      } catch { /* aborted or offline: the form asks again when sent */ }
    };
    const later = () => { clearTimeout(timer); timer = setTimeout(ask, 450); };
    words.addEventListener('input', later);
    if (use) use.addEventListener('change', later);
    if (words.value && !find('.answer')) ask();
  }

  // A picture on its way.
  const job = find('[data-job]');
  if (job) {
    const sentence = find('#sentence');
    const progress = find('#progress');
    const preview = find('#preview');
    let misses = 0;
    const say = (state) => {
      if (state.sentence) return state.sentence;
      if (state.state === 'queued') return 'Waiting for its turn.';
      if (state.state === 'finishing') return 'Drawn. Signing it and writing it into the log.';
      return 'Drawing: step ' + state.step + ' of ' + state.of + '.';
    };
    const look = async () => {
      try {
        const reply = await fetch('/api/v1/jobs/' + job.dataset.job, { headers: { accept: 'application/json' } });
        if (!reply.ok) throw new Error(reply.status);
        const state = await reply.json();
        misses = 0;
        if (state.state === 'done' && state.image) { location.replace('/images/' + state.image); return; }
        if (['done', 'held', 'failed', 'cancelled'].includes(state.state)) { location.reload(); return; }
        if (sentence.textContent !== say(state)) sentence.textContent = say(state);
        if (state.of) { progress.max = state.of; progress.value = state.step; }
        if (state.preview) {
          preview.src = state.preview;
          preview.alt = 'The picture so far';
          preview.parentElement.classList.remove('blank');
        }
      } catch {
        misses += 1;
        if (misses === 4) sentence.textContent = 'The server does not answer just now; still trying.';
      }
      setTimeout(look, Math.min(700 * (1 + misses), 5000));
    };
    setTimeout(look, 500);
  }

  // Several pictures on their way, the first ones first: a browser holds few connections to one place.
  const cells = [...all('[data-live]')];
  const watch = () => {
    const cell = cells.shift();
    if (!cell) return;
    const events = new EventSource('/api/v1/jobs/' + cell.dataset.live + '/events');
    events.addEventListener('job', (event) => {
      const state = JSON.parse(event.data);
      const line = cell.querySelector('.live-state');
      const picture = cell.querySelector('img');
      if (state.preview && picture) picture.src = state.preview;
      if (line) {
        line.textContent = state.state === 'running' && state.of ? 'step ' + state.step + ' of ' + state.of
          : state.state === 'queued' ? state.ahead + ' ahead of it' + (state.seconds ? ', about ' + state.seconds + ' s' : '') : state.state;
      }
      if (!['done', 'held', 'failed', 'cancelled'].includes(state.state)) return;
      events.close();
      cell.removeAttribute('data-live');
      // Once all are over the page is whole as it comes from the server.
      if (find('[data-live]')) watch(); else location.reload();
    });
  };
  for (let n = 0; n < 3; n += 1) watch();

  // Before and after under one slider.
  for (const figure of all('[data-compare]')) {
    const [before, after] = figure.querySelectorAll('img');
    const pair = make('span', '', 'pair');
    const slider = make('input');
    slider.type = 'range';
    slider.min = 0;
    slider.max = 100;
    slider.value = 50;
    slider.setAttribute('aria-label', 'How much of the picture before is shown, in per cent');
    slider.addEventListener('input', () => { pair.style.setProperty('--cut', slider.value + '%'); });
    pair.append(before, after);
    figure.prepend(pair, slider);
    figure.classList.add('slide');
  }

  // A file dropped anywhere on the page.
  const drop = find('[data-drop]');
  if (drop) {
    const input = drop.querySelector('input[type=file]');
    const over = (on) => (event) => { event.preventDefault(); drop.classList.toggle('over', on); };
    drop.querySelector('label').append(make('span', ', or drop it anywhere on this page', 'fine'));
    addEventListener('dragover', over(true));
    addEventListener('dragleave', over(false));
    addEventListener('drop', (event) => {
      over(false)(event);
      if (!event.dataTransfer.files.length) return;
      input.files = event.dataTransfer.files;
      drop.requestSubmit();
    });
  }
})();
