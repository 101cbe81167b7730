// The workbench, where scripts run: a sheet to sketch on and to mark a part of a picture, by pointer or keyboard. What is drawn goes into the form's own
// file field, so the form is the same without it.
(() => {
  'use strict';
  const form = document.querySelector('[data-workbench]');
  if (!form) return;
  const stage = form.querySelector('#stage');
  const tools = form.querySelector('#tools');
  const parent = stage.querySelector('img');
  const canvas = document.createElement('canvas');
  const pen = canvas.getContext('2d', { willReadFrequently: true });
  const field = (role) => form.querySelector('input[type=file][name=' + role + ']');
  const size = tools.querySelector('#brush');
  const eraser = tools.querySelector('#eraser');
  const state = { role: '', marked: false, down: false, at: null, undo: [], cursor: null };

  const chosen = () => form.querySelector('input[name=edit]:checked');
  const brush = () => Math.max(1, Number(size.value) / 100 * Math.max(canvas.width, canvas.height));
  const remember = () => {
    state.undo.push(pen.getImageData(0, 0, canvas.width, canvas.height));
    if (state.undo.length > 24) state.undo.shift();
  };

  // A new sheet: white paper for a sketch, clear for a mask over the picture.
  const sheet = (role) => {
    state.role = role;
    state.marked = false;
    state.undo = [];
    stage.classList.toggle('sketching', role === 'sketch');
    stage.classList.toggle('masking', role === 'mask');
    const hidden = !role || (role === 'mask' && !parent);
    tools.hidden = hidden;
    canvas.hidden = hidden;
    if (hidden) return;
    canvas.width = role === 'sketch' ? 512 : parent.naturalWidth;
    canvas.height = role === 'sketch' ? 512 : parent.naturalHeight;
    state.cursor = { x: canvas.width / 2, y: canvas.height / 2 };
    clear();
    canvas.setAttribute('aria-label', (role === 'sketch' ? 'Sheet to sketch on' : 'The picture; mark the part that is meant') +
      '. Arrow keys move the pen, Space sets it down or lifts it, Z takes back.');
  };
  const clear = () => {
    pen.globalCompositeOperation = 'source-over';
    pen.clearRect(0, 0, canvas.width, canvas.height);
    if (state.role === 'sketch') { pen.fillStyle = '#fff'; pen.fillRect(0, 0, canvas.width, canvas.height); }
    state.marked = false;
  };
  const choose = () => {
    const of = chosen();
    const role = of && of.dataset.draw || '';
    if (role !== state.role) sheet(role);
  };

  const line = (from, to) => {
    pen.globalCompositeOperation = eraser.checked && state.role === 'mask' ? 'destination-out' : 'source-over';
    pen.strokeStyle = state.role === 'sketch' ? (eraser.checked ? '#fff' : '#000') : '#c00';
    pen.lineWidth = brush();
    pen.lineCap = pen.lineJoin = 'round';
    pen.beginPath();
    pen.moveTo(from.x, from.y);
    pen.lineTo(to.x + .01, to.y);
    pen.stroke();
    state.marked = true;
  };
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return { x: (event.clientX - box.left) / box.width * canvas.width, y: (event.clientY - box.top) / box.height * canvas.height };
  };
  canvas.addEventListener('pointerdown', (event) => {
    remember();
    canvas.setPointerCapture(event.pointerId);
    state.at = place(event);
    line(state.at, state.at);
  });
  canvas.addEventListener('pointermove', (event) => {
    if (!state.at) return;
    const to = place(event);
    line(state.at, to);
    state.at = state.cursor = to;
  });
  const lift = () => { state.at = null; };
  canvas.addEventListener('pointerup', lift);
  canvas.addEventListener('pointercancel', lift);

  // By keyboard: a cross shows where the pen is.
  const cross = document.createElement('span');
  cross.className = 'cross';
  cross.setAttribute('aria-hidden', 'true');
  const show = () => {
    cross.style.left = state.cursor.x / canvas.width * 100 + '%';
    cross.style.top = state.cursor.y / canvas.height * 100 + '%';
    cross.classList.toggle('down', state.down);
  };
  canvas.tabIndex = 0;
  canvas.addEventListener('focus', () => { if (state.cursor) show(); });
  canvas.addEventListener('blur', () => { state.down = false; });
  canvas.addEventListener('keydown', (event) => {
    const step = Math.max(1, brush() / 2);
    const by = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    if (by) {
      event.preventDefault();
      const to = {
        x: Math.min(canvas.width, Math.max(0, state.cursor.x + by[0])),
        y: Math.min(canvas.height, Math.max(0, state.cursor.y + by[1])),
      };
      if (state.down) line(state.cursor, to);
      state.cursor = to;
    } else if (event.key === ' ') {
      event.preventDefault();
      state.down = !state.down;
      if (state.down) { remember(); line(state.cursor, state.cursor); }
    } else if (event.key === 'z' || event.key === 'Z') {
      event.preventDefault();
      back();
    }
    show();
  });

  const back = () => {
    const before = state.undo.pop();
    if (before) pen.putImageData(before, 0, 0);
    if (!state.undo.length) state.marked = false;
  };
  tools.querySelector('#undo').addEventListener('click', back);
  tools.querySelector('#clear').addEventListener('click', () => { remember(); clear(); });

  // The damage, found: put on the sheet to be changed before it is used.
  const find = form.querySelector('#find');
  if (find && parent) find.addEventListener('click', async (event) => {
    event.preventDefault();
    find.disabled = true;
    const said = form.querySelector('#found');
    said.textContent = 'Looking…';
    try {
      const reply = await fetch('/api/v1/damage', {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-csrf-token': form.querySelector('input[name=csrf]').value },
        body: JSON.stringify({ parent: form.querySelector('input[name=parent]').value, sensitivity: Number(form.querySelector('#sensitivity').value) }),
      });
      const found = await reply.json();
      if (!reply.ok) throw new Error(found.detail || found.title);
      const { scratches, holes, stains } = found.pixels;
      if (!found.file) { said.textContent = 'No damage was found. Mark it by hand, or look closer.'; return; }
      const mask = new Image();
      mask.src = found.file;
      await mask.decode();
      remember();
      clear();
      pen.drawImage(mask, 0, 0);
      // White on black becomes marked on clear.
      const pixels = pen.getImageData(0, 0, canvas.width, canvas.height);
      for (let at = 0; at < pixels.data.length; at += 4) {
        const on = pixels.data[at] >= 128;
        pixels.data.set([204, 0, 0, on ? 255 : 0], at);
      }
      pen.putImageData(pixels, 0, 0);
      state.marked = true;
      said.textContent = 'Found: ' + scratches + ' pixels of scratches, ' + holes + ' of holes, ' + stains + ' of stains. Look at it, and change it where it is wrong.';
    } catch (e) {
      said.textContent = e.message;
    } finally {
      find.disabled = false;
    }
  });

  // Colours offered from one's own pictures.
  for (const swatch of form.querySelectorAll('[data-colour]')) {
    swatch.addEventListener('click', () => {
      const palette = form.querySelector('#recolour-palette');
      palette.value = (palette.value.trim() + ' ' + swatch.dataset.colour).trim();
    });
  }

  // What is on the sheet goes as a file.
  const file = () => new Promise((done) => {
    const sheet = document.createElement('canvas');
    sheet.width = canvas.width;
    sheet.height = canvas.height;
    const ink = sheet.getContext('2d');
    ink.drawImage(canvas, 0, 0);
    if (state.role === 'mask') {
      const pixels = ink.getImageData(0, 0, sheet.width, sheet.height);
      for (let at = 0; at < pixels.data.length; at += 4) {
        const on = pixels.data[at + 3] >= 128 ? 255 : 0;
        pixels.data.set([on, on, on, 255], at);
      }
      ink.putImageData(pixels, 0, 0);
    }
    sheet.toBlob((blob) => done(new File([blob], state.role + '.png', { type: 'image/png' })), 'image/png');
  });
  form.addEventListener('submit', async (event) => {
    const input = state.role && field(state.role);
    if (!state.marked || !input || input.files.length) return;
    event.preventDefault();
    const box = new DataTransfer();
    box.items.add(await file());
    input.files = box.files;
    form.submit();
  });

  form.addEventListener('change', (event) => { if (event.target.name === 'edit') choose(); });
  stage.append(canvas, cross);
  stage.classList.add('live-stage');
  if (parent && !parent.complete) parent.addEventListener('load', choose); else choose();
})();
