// A key of one's own, made and kept in this browser (WebCrypto Ed25519, not extractable): it signs what its account states. A request goes
// twice: as a draft, which tells what is to be signed, and with the signatures. Forms that state something are marked `data-signed`.
(() => {
  'use strict';
  const STORE = 'keys';
  const hex = (bytes) => Array.from(new Uint8Array(bytes), (b) => b.toString(16).padStart(2, '0')).join('');
  const base64 = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)));
  const bytesOf = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const base64url = (text) => btoa(text).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');

  const promised = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const store = async (mode) => {
    const request = indexedDB.open('colophon', 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: 'keyid' });
    return (await promised(request)).transaction(STORE, mode).objectStore(STORE);
  };
  const kept = async (keyid) => promised((await store('readonly')).get(keyid));

  // DSSE pre-authentication encoding.
  const pae = (payload) => {
    const type = 'application/vnd.in-toto+json';
    const head = new TextEncoder().encode(`DSSEv1 ${type.length} ${type} ${payload.length} `);
    const all = new Uint8Array(head.length + payload.length);
    all.set(head);
    all.set(payload, head.length);
    return all;
  };

  // Sends a request as a draft, signs what comes back with the keys at hand, and sends it again. `null` when nothing is to be signed.
  const sendSigned = async (url, options, keyid, keys) => {
    const headers = { ...options.headers, 'colophon-sign': 'draft' };
    if (keyid) headers['colophon-key'] = keyid;
    const draft = await fetch(url, { ...options, headers });
    if (!draft.ok || !(draft.headers.get('content-type') || '').startsWith('application/json') || draft.headers.get('colophon-sign')) return { refused: draft };
    const { draft: token, statements } = await draft.json();
    const signatures = [];
    for (const statement of statements) {
      const payload = bytesOf(statement.payload);
      const sha256 = hex(await crypto.subtle.digest('SHA-256', payload));
      for (const id of statement.keys) {
        const key = keys[id] || await kept(id);
        if (!key) throw new Error(`The key ${id.slice(0, 12)}… is not in this browser: sign where it is kept.`);
        signatures.push({ sha256, keyid: id, sig: base64(await crypto.subtle.sign('Ed25519', key.privateKey, pae(payload))) });
      }
    }
    const signed = { ...options.headers, 'colophon-sign': token, 'colophon-signatures': base64url(JSON.stringify(signatures)) };
    return { done: await fetch(url, { ...options, headers: signed }) };
  };

  // ---- forms ----
  const body = document.body;
  const mine = (body.dataset.keys || '').split(' ').filter(Boolean);

  const show = async (response) => {
    if (response.redirected) { location.assign(response.url); return; }
    const page = new DOMParser().parseFromString(await response.text(), 'text/html');
    const main = page.querySelector('main');
    if (!main) { location.reload(); return; }
    document.querySelector('main').replaceWith(document.importNode(main, true));
    document.querySelector('main').focus();
  };

  const say = (form, words) => {
    let line = form.querySelector('[data-said]');
    if (!line) {
      line = document.createElement('p');
      line.dataset.said = '';
      line.className = 'problem';
      line.setAttribute('role', 'alert');
      form.append(line);
    }
    line.textContent = words;
  };

  const firstHere = async () => {
    for (const keyid of mine) if (await kept(keyid)) return keyid;
    return null;
  };

  // For the whole page: what a refused form is replaced by is listened to as well.
  if (mine.length) {
    document.addEventListener('submit', async (event) => {
      const form = event.target;
      if (!form.matches('form[data-signed]')) return;
      if (form.dataset.signed === 'as it is') { delete form.dataset.signed; form.setAttribute('data-signed', ''); return; }
      event.preventDefault();
      const plainly = () => { form.dataset.signed = 'as it is'; button.disabled = false; form.requestSubmit(button); };
      const button = event.submitter || form.querySelector('button:not([type=button])');
      const data = new FormData(form, event.submitter);
      const urlencoded = form.enctype !== 'multipart/form-data';
      try {
        const keyid = await firstHere();
        if (!keyid) { plainly(); return; }
        const options = { method: 'POST', body: urlencoded ? new URLSearchParams(data) : data, headers: {} };
        const { done, refused } = await sendSigned(form.action, options, keyid, {});
        // A draft that was refused shows why; one that states nothing goes as it is.
        if (done) await show(done);
        else if (refused.status >= 400 && refused.status < 500) await show(refused);
        else plainly();
      } catch (error) {
        say(form, error.message);
        button.disabled = false;
      }
    });
  }

  // ---- the account's keys ----
  const panel = document.querySelector('[data-own-keys]');
  if (!panel) return;
  const csrf = panel.dataset.csrf;
  const status = panel.querySelector('[data-status]');
  const tell = (words) => { status.textContent = words; };
  const json = (value) => ({ method: 'POST', body: JSON.stringify(value), headers: { 'content-type': 'application/json', 'x-csrf-token': csrf } });
  const answer = async (response) => {
    if (response.ok) return;
    const problem = await response.json().catch(() => ({}));
    throw new Error(problem.detail || problem.title || `The service answered ${response.status}.`);
  };

  for (const part of panel.querySelectorAll('[data-scripted]')) part.hidden = false;
  panel.querySelectorAll('[data-keyid]').forEach(async (row) => {
    if (await kept(row.dataset.keyid)) row.querySelector('[data-where]').textContent = 'in this browser';
  });

  const add = async (replaces) => {
    if (!window.isSecureContext) throw new Error('Keys can be made only over https, or on this very machine.');
    let pair;
    try { pair = await crypto.subtle.generateKey('Ed25519', false, ['sign', 'verify']); }
    catch { throw new Error('This browser can’t make Ed25519 keys: take a newer one, or `colophon keys new`.'); }
    const bytes = await crypto.subtle.exportKey('raw', pair.publicKey);
    const keyid = hex(await crypto.subtle.digest('SHA-256', bytes));
    const required = panel.querySelector('[name=required]').checked;
    const key = { keyid, public_key: base64(bytes), required };
    if (replaces) key.replaces = replaces;
    // Kept first: a key that was added and lost could never be used.
    await promised((await store('readwrite')).put({ keyid, privateKey: pair.privateKey }));
    const signer = await firstHere();
    const { done, refused } = await sendSigned('/api/v1/keys', json(key), signer, { [keyid]: pair });
    await answer(done || refused);
    location.reload();
  };

  panel.addEventListener('click', async (event) => {
    const button = event.target.closest('button');
    if (!button) return;
    const { make, replace, end } = button.dataset;
    if (make === undefined && !replace && !end) return;
    button.disabled = true;
    tell('');
    try {
      if (make !== undefined) await add(null);
      else if (replace) await add(replace);
      else {
        const reason = prompt('Why does this key end? Others will read it.', 'no longer used');
        if (reason) {
          // Signed where a key is at hand; the only way can be ended by no other.
          const url = `/api/v1/keys/${end}/end`;
          const signer = await firstHere();
          if (signer) {
            const { done, refused } = await sendSigned(url, json({ reason }), signer, {});
            await answer(done || refused);
          } else await answer(await fetch(url, json({ reason })));
          location.reload();
        }
      }
    } catch (error) { tell(error.message); }
    button.disabled = false;
  });
})();
