// "Check this entry in my browser": reads the log's own files (C2SP tlog-tiles) and checks every hash and signature here, with the browser's own
// cryptography. What the server says of an entry is never taken for true; what is taken on trust is said: this script itself, the log's key at the first
// visit unless one is pasted, and whose a statement key is. Two rooms: the checks, which know no page (`colophonCheck`, for tests and other pages), and the
// page, which shows them. Formats: RFC 6962 and RFC 9162 trees, C2SP signed-note, tlog-checkpoint and tlog-tiles, DSSE 1.0.2, RFC 8785.
(() => {
  'use strict';

  // ---------------------------------------------------------------- bytes and texts

  const MAX = Number.MAX_SAFE_INTEGER;
  const FULL = 256;
  const utf8 = new TextEncoder();
  const strict = () => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

  /** The thing looked at is wrong. `facts` are shown beside the sentence. */
  class Refused extends Error {
    constructor(sentence, facts = []) { super(sentence); this.facts = facts; }
  }
  /** It could not be looked at: nothing is proven either way. */
  class Lost extends Error {
    constructor(sentence, facts = [], missing = false) { super(sentence); this.facts = facts; this.missing = missing; }
  }

  const hex = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
  const same = (a, b) => a.length === b.length && a.every((x, i) => x === b[i]);
  const join = (...parts) => {
    const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
    let at = 0;
    for (const part of parts) { out.set(part, at); at += part.length; }
    return out;
  };
  const base64 = (bytes) => {
    let text = '';
    for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
    return btoa(text);
  };
  /** Standard base64 with padding, in its only form; else null. */
  const unbase64 = (text) => {
    if (typeof text !== 'string' || text.length % 4 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return null;
    let bytes;
    try { bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0)); } catch { return null; }
    return base64(bytes) === text ? bytes : null;
  };
  const text = (bytes) => { try { return strict().decode(bytes); } catch { return null; } };
  const grouped = (n) => String(n).length < 5 ? String(n) : String(n).replace(/\B(?=(\d{3})+$)/g, '\u202f');
  const decimal = (s) => /^(0|[1-9][0-9]*)$/.test(s) ? Number(s) : NaN;

  // ---------------------------------------------------------------- hashes and signatures

  const subtle = () => globalThis.crypto && globalThis.crypto.subtle;
  const sha256 = async (bytes) => new Uint8Array(await subtle().digest('SHA-256', bytes));
  const leafHash = (entry) => sha256(join(Uint8Array.of(0), entry));
  const nodeHash = (left, right) => sha256(join(Uint8Array.of(1), left, right));
  const EMPTY = Uint8Array.from('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'.match(/../g), (x) => parseInt(x, 16));

  // Points of small order, for which a signature over one text may fit others: refused, as the registry's own reader does (`verify_strict`). Little-endian,
  // without the sign bit. Encodings of 2^255 − 19 and above are second names of other points and refused too.
  const WEAK = new Set(['0000000000000000000000000000000000000000000000000000000000000000', '0100000000000000000000000000000000000000000000000000000000000000',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f', '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a']);
  const weak = (key) => {
    const y = Uint8Array.from(key);
    y[31] &= 0x7f;
    return WEAK.has(hex(y)) || (y[31] === 0x7f && y[0] >= 0xed && y.subarray(1, 31).every((b) => b === 0xff));
  };
  const UNABLE = 'This browser cannot check Ed25519 signatures. Use Firefox 129, Safari 17, Chrome or Edge 137, or newer, or check with “colophon verify” instead.';
  /** Whether `signature` over `message` is by `key` (32 bytes). */
  const verifies = async (key, message, signature) => {
    if (signature.length !== 64 || key.length !== 32 || weak(key)) return false;
    let imported;
    try { imported = await subtle().importKey('raw', key, { name: 'Ed25519' }, false, ['verify']); } catch (e) {
      if (e && e.name === 'NotSupportedError') throw new Lost(UNABLE);
      return false;
    }
    return subtle().verify({ name: 'Ed25519' }, imported, signature, message);
  };

  /** What keeps this browser from checking, in a sentence; empty when nothing does. */
  const hindrance = async () => {
    if (!subtle()) {
      return globalThis.isSecureContext === false
        ? 'This page came over plain HTTP, and browsers offer their cryptography only over HTTPS. Open it over HTTPS, or save the check page and open it as a file.'
        : 'This browser offers no cryptography to pages. Use a current one, or check with “colophon verify” instead.';
    }
    // The verifier key of the C2SP specification.
    const key = unbase64('AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k').subarray(1);
    try { await subtle().importKey('raw', key, { name: 'Ed25519' }, false, ['verify']); return ''; } catch { return UNABLE; }
  };

  // ---------------------------------------------------------------- signed notes (C2SP signed-note, tlog-checkpoint)

  const isName = (name) => name !== '' && !/[+\s\u0085\u0000-\u001f]/.test(name);

  /** `<name>+<8 hex>+<base64(0x01 ‖ key)>`, its id checked. */
  const parseVkey = async (given) => {
    const wrong = (why) => new Refused('This is not a verifier key: ' + why + '. It should look like <name>+<8 hex digits>+<base64>.', [['Key given', { text: String(given).slice(0, 200) }]]);
    const [, name, id, rest] = /^([^+]*)\+([^+]*)\+(.*)$/s.exec(given) || [];
    if (rest === undefined) throw wrong('it has not three parts');
    const bytes = unbase64(rest);
    if (!bytes) throw wrong('its last part is not base64');
    if (bytes[0] !== 1) throw wrong('its key is not of type 1 (Ed25519)');
    if (bytes.length !== 33 || weak(bytes.subarray(1))) throw wrong('its key is not a usable Ed25519 key of 32 bytes');
    if (!isName(name)) throw wrong('its name has a blank or is empty');
    const computed = hex((await sha256(join(utf8.encode(name), Uint8Array.of(10), bytes))).subarray(0, 4));
    if (computed !== id) throw wrong('its middle part is not the id of this name and key, which is ' + computed);
    return { text: given, name, id, key: bytes.slice(1) };
  };

  /** Reads the form of a note; believes nothing. */
  const parseNote = (bytes) => {
    const wrong = (why) => new Refused('The checkpoint is not a signed note: ' + why + '.');
    if (bytes.length > 1 << 20) throw wrong('it is longer than 1 MiB');
    const whole = text(bytes);
    if (whole === null) throw wrong('it is not UTF-8');
    const split = whole.lastIndexOf('\n\n');
    if (split < 0) throw wrong('no blank line stands before its signatures');
    const body = whole.slice(0, split + 1);
    if (/[\u0000-\u0009\u000b-\u001f]/.test(body)) throw wrong('it has a control character');
    const lines = whole.slice(split + 2);
    if (!lines.endsWith('\n')) throw wrong('its last line has no newline');
    const signatures = lines.slice(0, -1).split('\n').map((line) => {
      const [, name, rest] = /^\u2014 ([^ ]*) (.*)$/.exec(line) || [];
      const decoded = rest === undefined ? null : unbase64(rest);
      if (!decoded || decoded.length < 5 || !isName(name)) throw wrong('a signature line is not “— <name> <base64>”');
      return { name, id: hex(decoded.subarray(0, 4)), signature: decoded.slice(4) };
    });
    if (signatures.length > 100) throw wrong('it has more than 100 signatures');
    return { whole, body, signatures };
  };

  /** Reads the text of a checkpoint. */
  const parseCheckpoint = (body) => {
    const wrong = (what) => new Refused('The checkpoint has no proper ' + what + '.');
    if (!body.endsWith('\n')) throw wrong('end');
    const [origin, sizeText, rootText, ...extensions] = body.slice(0, -1).split('\n');
    if (!origin) throw wrong('origin');
    const size = decimal(sizeText || '');
    if (Number.isNaN(size)) throw wrong('size');
    if (size > MAX) throw new Lost('The checkpoint counts more entries than this page can.');
    const root = unbase64(rootText || '');
    if (!root || root.length !== 32 || (size === 0 && !same(root, EMPTY))) throw wrong('root');
    if (extensions.some((line) => line === '')) throw wrong('extension lines');
    return { origin, size, root };
  };

  /** The checkpoint of a note, if `vkey` signed it, rightly, each time its name stands there. Other keys' lines are passed over. */
  const openCheckpoint = async (bytes, vkey) => {
    const note = parseNote(bytes);
    const checkpoint = parseCheckpoint(note.body);
    if (checkpoint.origin !== vkey.name) {
      throw new Refused('The checkpoint is of another log than the key.', [['Log in the checkpoint', { text: checkpoint.origin }], ['Log of the key', { text: vkey.name }]]);
    }
    const own = note.signatures.filter((s) => s.name === vkey.name && s.id === vkey.id);
    if (!own.length) {
      throw new Refused('The checkpoint is not signed with the log’s key.', [
        ['Key asked for', { text: vkey.name + '+' + vkey.id }], ['Signed with', { text: note.signatures.slice(0, 4).map((s) => s.name + '+' + s.id).join(', ') }]]);
    }
    for (const line of own) {
      if (!await verifies(vkey.key, utf8.encode(note.body), line.signature)) {
        throw new Refused('The signature under the checkpoint does not fit: its text was changed after signing, or another key signed it.',
          [['Signature', { hash: hex(line.signature) }], ['Key', { hash: hex(vkey.key) }]]);
      }
    }
    return { ...checkpoint, note: note.whole, signature: own[0].signature, others: note.signatures.length - own.length };
  };

  // ---------------------------------------------------------------- tiles (C2SP tlog-tiles)

  /** `tile/<L>/<N>[.p/<W>]`; level 'entries' for bundles. */
  const tilePath = (level, index, width) => {
    let name = String(index % 1000).padStart(3, '0');
    for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) name = 'x' + String(rest % 1000).padStart(3, '0') + '/' + name;
    return 'tile/' + level + '/' + name + (width < FULL ? '.p/' + width : '');
  };
  const countAt = (level, size) => Math.floor(size / 2 ** (8 * level));
  /** The hash tile at a place, as wide as it is in a log of `size`; null when there is none. */
  const tileAt = (level, index, size) => {
    const width = Math.min(FULL, countAt(level, size) - index * FULL);
    return width > 0 ? { level, index, width, path: tilePath(level, index, width) } : null;
  };
  const rightEdge = (size) => [0, 1, 2, 3, 4, 5, 6].map((level) => {
    const count = countAt(level, size);
    return count % FULL ? tileAt(level, Math.floor(count / FULL), size) : null;
  }).filter(Boolean);
  /** The full subtrees a tree consists of, largest first: [level, index]. */
  const peaks = (size) => {
    const out = [];
    let from = 0;
    for (let level = 52; level >= 0; level -= 1) {
      const width = 2 ** level;
      if (size - from >= width) { out.push([level, from / width]); from += width; }
    }
    return out;
  };
  /** The tile that holds what a full subtree is hashed from, and which of its hashes those are. */
  const locate = (level, index, size) => {
    const within = level % 8;
    if ((index + 1) * 2 ** level > size) return null;
    const tile = tileAt(Math.floor(level / 8), Math.floor(index / 2 ** (8 - within)), size);
    const first = (index * 2 ** within) % FULL;
    return tile && { tile, first, count: 2 ** within };
  };
  /** The root over 2^n hashes. */
  const subtreeRoot = async (hashes) => {
    let row = hashes;
    while (row.length > 1) row = await Promise.all(Array.from({ length: row.length / 2 }, (_, i) => nodeHash(row[2 * i], row[2 * i + 1])));
    return row[0];
  };
  const decodeHashes = (bytes, tile) => {
    if (bytes.length !== tile.width * 32) throw new Refused('The tile ' + tile.path + ' has ' + bytes.length + ' bytes, not 32 for each of ' + tile.width + ' hashes.');
    return Array.from({ length: tile.width }, (_, i) => bytes.slice(32 * i, 32 * i + 32));
  };
  /** The entries of a bundle of exactly `width`: a big-endian u16 length before each. */
  const decodeBundle = (bytes, width, path) => {
    const entries = [];
    let at = 0;
    while (entries.length < width) {
      const length = at + 2 <= bytes.length ? bytes[at] * 256 + bytes[at + 1] : -1;
      if (length < 0 || at + 2 + length > bytes.length) throw new Refused('The bundle ' + path + ' breaks off after ' + entries.length + ' of ' + width + ' entries.');
      entries.push(bytes.slice(at + 2, at + 2 + length));
      at += 2 + length;
    }
    if (at !== bytes.length) throw new Refused('The bundle ' + path + ' goes on after its ' + width + ' entries.');
    return entries;
  };

  /** Gives out hashes of a tree of known size and root, each from a tile that was first checked against that root: the right edge as a whole, every other
   * tile (which is full) against the hash in the tile above it. There is no other way to a hash. `read(tile)` gives bytes, believed or not. */
  const openTiles = async (read, size, root) => {
    const authentic = new Map();
    const edge = rightEdge(size);
    const edgeHashes = await Promise.all(edge.map(async (tile) => decodeHashes(await read(tile), tile)));
    edge.forEach((tile, i) => authentic.set(tile.path, Promise.resolve(edgeHashes[i])));
    let found = null;
    for (const [level, index] of peaks(size).reverse()) {
      const { tile, first, count } = locate(level, index, size);
      const peak = await subtreeRoot((await authentic.get(tile.path)).slice(first, first + count));
      found = found ? await nodeHash(peak, found) : peak;
    }
    found = found || EMPTY;
    if (!same(found, root)) {
      throw new Refused('The tiles do not add up to the root in the checkpoint.', [['Root in the checkpoint', { hash: hex(root) }], ['Root from the tiles', { hash: hex(found) }],
        ['Tiles read', { text: edge.map((t) => t.path).join(', ') || 'none' }]]);
    }
    const hashesOf = (tile) => {
      if (!authentic.has(tile.path)) {
        authentic.set(tile.path, (async () => {
          const above = locate(8 * (tile.level + 1), tile.index, size);
          if (!above) throw new Refused('The tile ' + tile.path + ' is not part of this tree.');
          const expected = (await hashesOf(above.tile))[above.first];
          const hashes = decodeHashes(await read(tile), tile);
          const root = await subtreeRoot(hashes);
          if (!same(root, expected)) {
            throw new Refused('The tile ' + tile.path + ' is not the one the log’s root stands for.',
              [['Hash in ' + above.tile.path, { hash: hex(expected) }], ['Hash of the tile', { hash: hex(root) }]]);
          }
          return hashes;
        })());
      }
      return authentic.get(tile.path);
    };
    return {
      size, root, found, edge,
      tiles: () => [...authentic.keys()],
      /** The hash of a full subtree, and the tile it comes from. */
      hash: async (level, index) => {
        const at = locate(level, index, size);
        if (!at) throw new Refused('The subtree at level ' + level + ', place ' + index + ' is not complete in a log of ' + size + ' entries.');
        const hashes = await hashesOf(at.tile);
        return { hash: await subtreeRoot(hashes.slice(at.first, at.first + at.count)), tiles: [at.tile.path] };
      },
    };
  };

  // ---------------------------------------------------------------- proofs (RFC 6962 §2.1, checked by RFC 9162 §2.1.3.2 and §2.1.4.2)

  const split = (n) => { let k = 1; while (k * 2 < n) k *= 2; return k; };
  /** The hash over leaves `start .. start + count`, with the tiles it comes from. */
  const range = async (start, count, source) => {
    if (count === 0) return { hash: EMPTY, tiles: [] };
    const k = split(count);
    if (count === 1 || k * 2 === count) return source.hash(Math.log2(count), start / count);
    const [left, right] = await Promise.all([range(start, k, source), range(start + k, count - k, source)]);
    return { hash: await nodeHash(left.hash, right.hash), tiles: [...new Set([...left.tiles, ...right.tiles])] };
  };
  /** The audit path of leaf `index`, the leaf's sibling first. Each: hash, tiles, and which leaves it stands for. */
  const inclusion = async (index, size, source) => {
    const parts = [];
    let [start, count] = [0, size];
    while (count > 1) {
      const k = split(count);
      if (index - start < k) { parts.push([start + k, count - k]); count = k; } else { parts.push([start, k]); [start, count] = [start + k, count - k]; }
    }
    parts.reverse();
    return Promise.all(parts.map(async ([from, many]) => ({ ...await range(from, many, source), from, count: many })));
  };
  /** Folds a leaf and its path; each step with the side the sibling stands on and what comes out. Null when path and place do not fit. */
  const foldInclusion = async (leaf, index, size, path) => {
    if (index >= size) return null;
    let [node, last, hash] = [index, size - 1, leaf];
    const steps = [];
    for (const sibling of path) {
      if (last === 0) return null;
      const left = node % 2 === 1 || node === last;
      hash = left ? await nodeHash(sibling, hash) : await nodeHash(hash, sibling);
      steps.push({ side: left ? 'left' : 'right', sibling, result: hash });
      if (left) while (node % 2 === 0 && node !== 0) [node, last] = [node / 2, Math.floor(last / 2)];
      [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
    }
    return last === 0 ? { root: hash, steps } : null;
  };
  /** That the tree of `old` leaves is a prefix of `source`'s: the RFC 6962 proof, its first hash always written out. */
  const consistency = async (old, size, source) => {
    const parts = [];
    let [start, count] = [0, size];
    while (old - start !== count) {
      const k = split(count);
      if (old - start <= k) { parts.push([start + k, count - k]); count = k; } else { parts.push([start, k]); [start, count] = [start + k, count - k]; }
    }
    parts.push([start, count]);
    return Promise.all(parts.reverse().map(([from, many]) => range(from, many, source)));
  };
  /** Both roots a consistency proof leads to; null when it does not fit the sizes. 0 < old < size. */
  const foldConsistency = async (old, size, proof) => {
    let [node, last] = [old - 1, size - 1];
    while (node % 2 === 1) [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
    let [fromOld, fromNew] = [proof[0], proof[0]];
    for (const step of proof.slice(1)) {
      if (last === 0) return null;
      if (node % 2 === 1 || node === last) {
        fromOld = await nodeHash(step, fromOld);
        fromNew = await nodeHash(step, fromNew);
        while (node % 2 === 0 && node !== 0) [node, last] = [node / 2, Math.floor(last / 2)];
      } else {
        fromNew = await nodeHash(fromNew, step);
      }
      [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
    }
    return last === 0 ? { oldRoot: fromOld, newRoot: fromNew } : null;
  };

  // ---------------------------------------------------------------- statements (DSSE envelope, in-toto Statement v1, RFC 8785)

  const PAYLOAD_TYPE = 'application/vnd.in-toto+json';
  const canonical = (value, depth = 0) => {
    if (depth > 100) throw new Refused('The statement is nested deeper than 100.');
    if (value === null || typeof value === 'boolean') return String(value);
    if (typeof value === 'number') {
      if (!Number.isFinite(value) || Math.abs(value) > MAX) throw new Refused('The statement has a number that readers round.');
      return JSON.stringify(value);
    }
    if (typeof value === 'string') {
      if (/\p{Surrogate}/u.test(value)) throw new Refused('The statement has half a character.');
      return JSON.stringify(value);
    }
    if (Array.isArray(value)) return '[' + value.map((v) => canonical(v, depth + 1)).join(',') + ']';
    return '{' + Object.keys(value).sort().map((k) => canonical(k, depth) + ':' + canonical(value[k], depth + 1)).join(',') + '}';
  };
  const isObject = (v) => v !== null && typeof v === 'object' && !Array.isArray(v);
  const only = (object, names) => isObject(object) && Object.keys(object).every((k) => names.includes(k));
  /** A JSON text whose bytes are the canonical ones, so that no two readers read two things. */
  const parseCanonical = (bytes, what) => {
    const source = text(bytes);
    let value;
    try { value = JSON.parse(source === null ? '' : source); } catch { throw new Refused('The ' + what + ' is not JSON.'); }
    if (canonical(value) !== source) throw new Refused('The ' + what + ' is not in its canonical form (RFC 8785), so two readers could read it differently.');
    return value;
  };
  const parseEnvelope = (bytes) => {
    const wrong = (why) => new Refused('The entry is not a signed statement: ' + why + '.');
    const envelope = parseCanonical(bytes, 'entry');
    if (!only(envelope, ['payload', 'payloadType', 'signatures'])) throw wrong('it has other members than an envelope');
    if (envelope.payloadType !== PAYLOAD_TYPE) throw wrong('its payload type is not ' + PAYLOAD_TYPE);
    const payload = unbase64(envelope.payload);
    if (!payload) throw wrong('its payload is not base64');
    const list = envelope.signatures;
    if (!Array.isArray(list) || list.length < 1 || list.length > 16) throw wrong('it has not 1 to 16 signatures');
    const signatures = list.map((s) => {
      const signature = only(s, ['keyid', 'sig']) && typeof s.keyid === 'string' ? unbase64(s.sig) : null;
      if (!signature || signature.length !== 64) throw wrong('a signature is not 64 bytes in base64');
      return { keyid: s.keyid, signature };
    });
    return { payload, signatures };
  };
  const parseStatement = (payload) => {
    const wrong = (why) => new Refused('The payload is not a statement: ' + why + '.');
    const s = parseCanonical(payload, 'statement');
    if (!only(s, ['_type', 'subject', 'predicateType', 'predicate'])) throw wrong('it has other members');
    if (s._type !== 'https://in-toto.io/Statement/v1') throw wrong('its type is not an in-toto Statement v1');
    const [, name] = /^urn:x-colophon:([a-z][a-z0-9-]{0,63}):v1$/.exec(s.predicateType) || [];
    if (!name) throw wrong('its predicate type is not urn:x-colophon:<name>:v1');
    if (!isObject(s.predicate)) throw wrong('its predicate is not an object');
    if (!Array.isArray(s.subject) || !s.subject.length) throw wrong('it has no subject');
    for (const one of s.subject) {
      const digest = only(one, ['name', 'digest']) && typeof one.name === 'string' && only(one.digest, ['blake3', 'sha256']) ? one.digest : {};
      const proper = (d) => typeof d === 'string' && /^[0-9a-f]{64}$/.test(d);
      if (!proper(digest.sha256) || (digest.blake3 !== undefined && !proper(digest.blake3))) throw wrong('a subject has no proper name and digest');
    }
    return { name, subject: s.subject, predicate: s.predicate, value: s };
  };
  /** DSSE pre-authentication encoding: what is signed. */
  const pae = (payload) => join(utf8.encode('DSSEv1 ' + PAYLOAD_TYPE.length + ' ' + PAYLOAD_TYPE + ' ' + payload.length + ' '), payload);

  /** The list of statement keys, each checked to be what its id says. */
  const parseKeys = async (bytes) => {
    const wrong = (why) => new Refused('The server’s list of keys cannot be used: ' + why + '.');
    let list;
    try { list = JSON.parse(text(bytes) || ''); } catch { throw wrong('it is not JSON'); }
    if (!isObject(list) || !Array.isArray(list.statement_keys)) throw wrong('it has no “statement_keys”');
    const place = (n) => n === undefined || n === null ? null : Number.isSafeInteger(n) && n >= 0 ? n : NaN;
    const keys = new Map();
    for (const k of list.statement_keys) {
      const key = isObject(k) ? unbase64(k.public_key) : null;
      if (!key || key.length !== 32 || weak(key)) throw wrong('a key is not a usable Ed25519 key of 32 bytes in base64');
      const id = hex(await sha256(key));
      if (id !== k.keyid) throw new Refused('A key in the server’s list is not the one its id says.', [['Id in the list', { text: String(k.keyid).slice(0, 80) }], ['SHA-256 of the key', { hash: id }]]);
      const [from, until] = [place(k.from_index), place(k.until_index)];
      if (typeof k.holder !== 'string' || !k.holder || Number.isNaN(from) || Number.isNaN(until)) throw wrong('a key has no proper holder or place in the log');
      if (!keys.has(id)) keys.set(id, []);
      keys.get(id).push({ id, key, holder: k.holder, own: k.holder !== 'this instance', from, until });
    }
    return { log: typeof list.log === 'string' ? list.log.trim() : '', keys };
  };

  // ---------------------------------------------------------------- the check, step by step

  const STEPS = [
    ['key', 'The log’s key'], ['checkpoint', 'The checkpoint'], ['tiles', 'The tree’s edge'], ['memory', 'The last visit'],
    ['entry', 'The entry'], ['path', 'The path up'], ['signature', 'The signature'], ['payload', 'What it says'],
  ];
  const day = (iso) => typeof iso === 'string' ? iso.slice(0, 10) : 'an unknown day';
  const at = (name) => new URL(name, globalThis.location ? globalThis.location.href : undefined).href;

  /** Reads bytes; says in words why not. 404 is answered null where `missing` allows it. */
  const reader = (fetcher) => async (url, { fresh = false, missing = false } = {}) => {
    let reply;
    try {
      // Without cookies and referrer the server does not learn who asks, so it cannot show one person another log.
      const options = { credentials: 'omit', referrerPolicy: 'no-referrer', cache: fresh ? 'no-store' : 'default' };
      if (typeof AbortSignal !== 'undefined' && AbortSignal.timeout) options.signal = AbortSignal.timeout(30000);
      reply = await fetcher(url, options);
      if (reply.ok) return new Uint8Array(await reply.arrayBuffer());
    } catch (e) {
      throw new Lost((e && e.name === 'TimeoutError' ? 'The server did not answer in 30 seconds' : 'The server could not be reached') + '. Look at your connection and try again.', [['Asked for', { text: url }]]);
    }
    if (missing && reply.status === 404) return null;
    throw new Lost(reply.status === 404 ? 'The server says it has no such file.' : 'The server answered ' + reply.status + ' instead of the file. Try again in a minute.', [['Asked for', { text: url }]], reply.status === 404);
  };

  /** Checks entry `index` of the log at `log`. `keys` is the address of the list of keys, `vkey` of the log's key; `pasted` a key the person has from
   * elsewhere; `store` {get, set} what this browser remembers of the log; `on(step)` hears of every step. Resolves to {state, steps, …}. */
  const check = async ({ log, index, keys, vkey, pasted = '', fetch: fetcher = (...a) => globalThis.fetch(...a), store, on = () => {}, shown = null, now = () => new Date().toISOString() }) => {
    const get = reader(fetcher);
    const base = log.replace(/\/+$/, '') + '/';
    const steps = {};
    const result = { state: 'ok', index, steps };
    const tell = (id, step) => { steps[id] = { id, title: STEPS.find(([s]) => s === id)[1], facts: [], ...step }; on(steps[id]); return step.state; };
    /** Runs one step; true when the next ones may build on it. */
    const step = async (id, run) => {
      tell(id, { state: 'busy', say: 'Looking…' });
      try {
        const done = await run();
        tell(id, { state: 'ok', ...done });
        return done.state !== 'no';
      } catch (e) {
        const known = e instanceof Refused || e instanceof Lost;
        tell(id, { state: e instanceof Refused ? 'no' : 'lost', say: known ? e.message : 'This step broke off: ' + (e && e.message) + '.', facts: known ? e.facts : [] });
        return false;
      }
    };
    const finish = () => {
      for (const [id] of STEPS) if (!steps[id]) tell(id, { state: 'skip', say: 'Not looked at, since a step before it did not hold.' });
      const states = Object.values(steps).map((s) => s.state);
      result.state = states.includes('no') ? 'no' : states.includes('lost') ? 'lost' : states.includes('note') ? 'note' : 'ok';
      return result;
    };

    const stopped = await hindrance();
    if (stopped) { tell('key', { state: 'lost', say: stopped }); return finish(); }
    if (!Number.isSafeInteger(index) || index < 0) { tell('key', { state: 'lost', say: 'An entry’s number is a whole number from 0 up.' }); return finish(); }

    let remembered = null;
    try { remembered = store && store.get() || null; } catch { remembered = null; }
    const keep = { vkey: remembered && remembered.vkey, from: remembered && remembered.from, since: remembered && remembered.since, note: remembered && remembered.note,
      seen: remembered && remembered.seen, holders: { ...(remembered && isObject(remembered.holders) ? remembered.holders : {}) } };

    // The key. One pasted or remembered goes before what the server gives; that they differ is said aloud.
    let verifier;
    const key = await step('key', async () => {
      let served = null, unheard = null;
      if (vkey) try { served = (text(await get(vkey, { fresh: true })) || '').replace(/\n$/, ''); } catch (e) { unheard = e; }
      const own = pasted.trim();
      const known = own || (remembered && remembered.vkey) || '';
      if (!known && unheard) throw unheard;
      if (!known && !served) throw new Lost('No key of the log is known. Paste the one you have.');
      verifier = await parseVkey(known || served);
      const facts = [['Key', { text: verifier.text }]];
      if (own && remembered && remembered.vkey && remembered.vkey !== own) {
        return { state: 'no', say: 'The key you gave is not the one this browser remembers. One of them is not this log’s: find out which before you believe anything here.',
          facts: [['Key you gave', { text: own }], ['Key remembered since ' + day(remembered.since), { text: remembered.vkey }]] };
      }
      if (served !== null && served !== verifier.text) {
        return { state: 'no', say: own ? 'The server gives another key than you have. Do not believe what it shows until the operator explains why.'
          : 'The server now gives another key than at your first visit. Do not believe what it shows until the operator explains why.',
        facts: [[own ? 'Key you gave' : 'Key remembered since ' + day(remembered.since), { text: verifier.text }], ['Key the server gives now', { text: served.slice(0, 300) }]] };
      }
      if (!keep.vkey) Object.assign(keep, { vkey: verifier.text, from: own ? 'you' : 'the server', since: now() });
      else if (own) keep.from = 'you';
      facts.push(['Id in it', { text: verifier.id + ', which is the start of SHA-256 of name and key' }]);
      if (unheard) return { state: 'note', say: 'The key is ' + (own ? 'yours' : 'the remembered one') + '; the server’s own could not be fetched to compare.', facts };
      if (own) return { say: served === null ? 'The key is the one you gave.' : 'The key you gave is the one the server gives.', facts };
      if (remembered && remembered.vkey) return { say: 'The key is the one this browser remembers since ' + day(remembered.since) + '.', facts };
      return { state: 'note', say: 'First visit: this key is taken as the server gives it, and remembered. Compare it with one you have from elsewhere, or paste that one below.', facts };
    });
    // Where two keys stand against each other, the rest is still shown, as it looks with the one that was known before.
    if (!key && !verifier) return finish();

    let head;
    const readHead = await step('checkpoint', async () => {
      const bytes = await get(base + 'checkpoint', { fresh: true });
      head = await openCheckpoint(bytes, verifier);
      result.size = head.size;
      result.root = head.root;
      return { say: 'The checkpoint counts ' + grouped(head.size) + ' entries and is signed with the log’s key.', facts: [
        ['Signature', { hash: hex(head.signature) }], ['Root', { hash: hex(head.root) }], ['Signed text', { pre: head.note }],
        ...(head.others ? [['Other signatures', { text: head.others + ', by keys not known here, passed over' }]] : [])] };
    });
    if (!readHead) return finish();

    const cache = new Map();
    /** A tile's bytes. A partial tile may be gone once it is full: then the full one is cut to the width. */
    const read = (tile) => {
      if (!cache.has(tile.path)) {
        cache.set(tile.path, (async () => {
          const bytes = await get(base + tile.path, { missing: tile.width < FULL });
          if (bytes) return bytes;
          return (await get(base + tilePath(tile.level, tile.index, FULL))).slice(0, tile.width * 32);
        })());
      }
      return cache.get(tile.path);
    };
    let tree = null;
    await step('tiles', async () => {
      tree = await openTiles(read, head.size, head.root);
      return { say: 'The tiles at the tree’s right edge add up to the same root.', facts: [
        ['Root in the checkpoint', { hash: hex(head.root) }], ['Root from the tiles', { hash: hex(tree.found) }],
        ['Tiles read', { text: tree.edge.map((t) => t.path).join(', ') || 'none: the log is empty' }]] };
    });

    await step('memory', async () => {
      if (!remembered || !remembered.note) {
        if (tree && key) Object.assign(keep, { note: head.note, seen: now() });
        return tree && key ? { state: 'first', say: 'This browser had nothing to compare with. It remembers this checkpoint now, and will say so if the log is ever rewritten.' }
          : { state: 'skip', say: 'Nothing is remembered of this log, and nothing is kept of one that does not hold.' };
      }
      let old;
      try { old = await openCheckpoint(utf8.encode(remembered.note), await parseVkey(remembered.vkey)); } catch (e) {
        throw new Refused('What this browser remembers of the log cannot be read, or was not signed with the remembered key. Let it forget the log below, and start anew with a key you trust.');
      }
      const fork = (sentence, proof = [], facts = []) => {
        result.evidence = evidence({ log: base, when: now(), vkey: verifier.text, old, head, proof, sentence });
        return { state: 'no', fork: true, say: sentence, facts: [...facts, ['Signed, seen on ' + day(remembered.seen), { pre: old.note }], ['Signed, seen now', { pre: head.note }]] };
      };
      const pair = (name, root) => [['Root remembered for ' + grouped(old.size), { hash: hex(old.root) }], [name, { hash: hex(root) }]];
      if (old.size === head.size) {
        if (!same(old.root, head.root)) return fork('The log has two faces: it signed two different roots for the same ' + grouped(head.size) + ' entries. Keep the evidence.', [], pair('Root now', head.root));
        if (key) keep.seen = now();
        return { say: 'Nothing was added since ' + day(remembered.seen) + ': the same size and the same root.', facts: pair('Root now', head.root) };
      }
      if (head.size < old.size) {
        const shorter = 'The log is shorter than on ' + day(remembered.seen) + ', ' + grouped(head.size) + ' entries instead of ' + grouped(old.size);
        let then;
        try { then = (await range(0, head.size, await openTiles(read, old.size, old.root))).hash; } catch (e) {
          if (e instanceof Lost && !e.missing) throw e;
          return fork(shorter + ', and the server does not show that the rest was only left off. Keep the evidence.');
        }
        if (!same(then, head.root)) return fork(shorter + ', and its entries are others: it was rewritten. Keep the evidence.', [], [['Root then for ' + grouped(head.size), { hash: hex(then) }], ['Root now', { hash: hex(head.root) }]]);
        return { state: 'note', say: shorter + '. Nothing contradicts what was there: an older checkpoint is being served. Ask again in a minute.', facts: pair('Root now', head.root) };
      }
      if (!tree) throw new Lost('Without its tiles, nobody can tell whether the log still begins as it did on ' + day(remembered.seen) + '.', [['Signed, seen then', { pre: old.note }], ['Signed, seen now', { pre: head.note }]]);
      const proof = old.size ? (await consistency(old.size, head.size, tree)).map((p) => p.hash) : [];
      const roots = old.size ? await foldConsistency(old.size, head.size, proof) : { oldRoot: EMPTY, newRoot: head.root };
      if (!roots || !same(roots.newRoot, head.root)) throw new Refused('The proof between the two checkpoints does not lead to the new root.');
      const found = (await range(0, old.size, tree)).hash;
      if (!same(roots.oldRoot, old.root) || !same(found, old.root)) {
        return fork('The log was rewritten: its first ' + grouped(old.size) + ' entries are no longer those of ' + day(remembered.seen) + '. Keep the evidence.', proof, pair('Root of the first ' + grouped(old.size) + ' now', found));
      }
      if (key) Object.assign(keep, { note: head.note, seen: now() });
      return { say: 'The log only grew since ' + day(remembered.seen) + ': its first ' + grouped(old.size) + ' entries are the same, and ' + grouped(head.size - old.size) + (head.size - old.size === 1 ? ' was' : ' were') + ' added.',
        facts: [...pair('Root of the first ' + grouped(old.size) + ' now', found), ['Hashes in the proof', { text: String(proof.length) }]] };
    });
    const trusted = key && tree && ['ok', 'first', 'note'].includes(steps.memory.state);
    const save = () => { if (trusted && store) try { store.set(keep); result.kept = true; } catch { result.kept = false; } };
    save();
    if (!tree) return finish();

    let entry, leaf;
    const readEntry = await step('entry', async () => {
      if (index >= head.size) throw new Lost('The checkpoint counts ' + grouped(head.size) + ' entries, numbered from 0, so entry ' + grouped(index) + ' is not under it yet. A new entry waits a moment: try again.');
      const bundle = Math.floor(index / FULL);
      const width = Math.min(FULL, head.size - bundle * FULL);
      let path = tilePath('entries', bundle, width);
      let bytes = await get(base + path, { missing: width < FULL });
      let entries;
      if (bytes) entries = decodeBundle(bytes, width, path);
      else {
        path = tilePath('entries', bundle, FULL);
        bytes = await get(base + path);
        entries = decodeBundle(bytes, FULL, path).slice(0, width);
      }
      const leaves = await Promise.all(entries.map(leafHash));
      const place = index % FULL;
      const tile = tileAt(0, bundle, head.size).path;
      for (let i = 0; i < width; i += 1) {
        const { hash } = await tree.hash(0, bundle * FULL + i);
        if (!same(hash, leaves[i])) {
          const which = bundle * FULL + i;
          throw new Refused(which === index ? 'The entry served is not the one in the tree.' : 'The bundle was changed: entry ' + grouped(which) + ', which came with this one, is not the one in the tree.',
            [['Hash in ' + tile, { hash: hex(hash) }], ['Hash of the entry served', { hash: hex(leaves[i]) }]]);
        }
      }
      entry = entries[place];
      leaf = leaves[place];
      result.leaf = leaf;
      return { say: 'Entry ' + grouped(index) + ' hashes to what the tree has in its place' + (width > 1 ? ', and so do the ' + grouped(width - 1) + ' that came with it.' : '.'), facts: [
        ['Hash in ' + tile, { hash: hex(leaf) }], ['Hash of the entry', { hash: hex(leaf) }], ['Bytes', { text: grouped(entry.length) + ', number ' + place + ' in ' + path }]] };
    });

    if (readEntry) {
      await step('path', async () => {
        const path = await inclusion(index, head.size, tree);
        const folded = await foldInclusion(leaf, index, head.size, path.map((p) => p.hash));
        if (!folded || !same(folded.root, head.root)) throw new Refused('The path does not lead to the root.', [['Root in the checkpoint', { hash: hex(head.root) }], ['Root reached', { hash: folded ? hex(folded.root) : 'none' }]]);
        result.path = folded.steps.map((s, i) => ({ ...s, tiles: path[i].tiles, from: path[i].from, count: path[i].count }));
        return { say: path.length ? 'From the entry, ' + path.length + (path.length === 1 ? ' hash leads' : ' hashes lead') + ' up to the root.' : 'The only entry is itself the root.', facts: [
          ['Root in the checkpoint', { hash: hex(head.root) }], ['Root reached', { hash: hex(folded.root) }],
          ['Tiles read', { text: tree.tiles().join(', ') }]] };
      });

      let envelope, statement;
      await step('signature', async () => {
        envelope = parseEnvelope(entry);
        statement = parseStatement(envelope.payload);
        const list = await parseKeys(await get(keys, { fresh: true }));
        if (list.log && list.log !== verifier.text) throw new Refused('The server’s list of keys names another key of the log.', [['In the list', { text: list.log.slice(0, 300) }], ['Key of the log', { text: verifier.text }]]);
        const signed = pae(envelope.payload);
        const said = (name) => typeof statement.predicate[name] === 'string' ? statement.predicate[name] : '';
        const actor = said('actor');
        const facts = [];
        const by = [];
        let remark = '';
        for (const { keyid, signature } of envelope.signatures) {
          const known = list.keys.get(keyid);
          facts.push(['Key id', { hash: keyid }]);
          if (!known) { facts.push(['Holder', { text: 'not in the server’s list: not checked' }]); remark = remark || ' A further signature is by a key that is not in the list.'; continue; }
          if (!await verifies(known[0].key, signed, signature)) throw new Refused('A signature does not fit: the statement was changed after signing.', [['Key id', { hash: keyid }], ['Signature', { hash: hex(signature) }]]);
          const valid = known.find((k) => (k.from === null || k.from <= index) && (k.until === null || index <= k.until));
          if (!valid) {
            const k = known[0];
            throw new Refused('The key of ' + k.holder + ' was not in use at this place in the log.', [['Key id', { hash: keyid }], ['In use', { text: 'from entry ' + (k.from === null ? 0 : grouped(k.from)) + (k.until === null ? '' : ' to entry ' + grouped(k.until)) }]]);
          }
          facts.push(['Holder', { text: valid.own ? valid.holder : 'this registry' }], ['Signature', { hash: hex(signature) }], ['SHA-256 of the key', { hash: valid.id }]);
          const before = keep.holders[keyid];
          if (typeof before === 'string' && before !== valid.holder) remark = ' When last seen, the server said this key was held by ' + before + '.';
          else keep.holders[keyid] = valid.holder;
          by.push(valid);
        }
        if (!by.length) throw new Refused('No key in the server’s list signed this statement.', facts);
        const own = by.find((k) => k.own && k.holder === actor) || by.find((k) => k.own);
        if (!own && said('custody') && said('custody') !== 'instance') throw new Refused('The statement says that ' + (actor || 'its author') + ' signed it with their own key, but only the registry’s key signed.', facts);
        if (said('custody') === 'instance' && by.every((k) => k.own)) throw new Refused('The statement says that the registry signed it, but the server calls the key that signed ' + by[0].holder + '’s.', facts);
        result.signers = by.map((k) => k.holder);
        save();
        const who = own ? own.holder === actor || !actor ? own.holder + ' signed with their own key.' : own.holder + ' signed with their own key; the statement speaks of ' + actor + '.'
          : 'The registry signed' + (actor ? ' for ' + actor : '') + '.';
        if (own && actor && own.holder !== actor) remark = remark || ' ';
        return { state: remark ? 'note' : 'ok', say: who + remark.trimEnd(), facts: [...facts, ['Taken on trust', { text: 'whose key this is: that is the server’s word' }]] };
      });
      if (statement) {
        await step('payload', async () => {
          result.statement = statement.value;
          const facts = [];
          for (const one of statement.subject) {
            facts.push(['About', { text: one.name }], ['sha256', { hash: one.digest.sha256 }]);
            if (one.digest.blake3) facts.push(['blake3', { hash: one.digest.blake3 }]);
          }
          facts.push(['Statement', { pre: JSON.stringify(statement.value, null, 2) }]);
          if (steps.signature.state === 'no' || steps.signature.state === 'lost') return { state: 'note', say: 'This is in the log, but its signature was not found good.', facts };
          if (shown !== null) {
            let page;
            try { page = canonical(JSON.parse(shown)); } catch { page = ''; }
            if (page !== canonical(statement.value)) return { state: 'no', say: 'This page shows another statement than the one in the log. Here is what the log has:', facts };
            return { say: 'What this page shows is word for word what was signed.', facts };
          }
          return { say: 'This is what was signed.', facts };
        });
      }
    }
    return finish();
  };

  /** Both notes as they were signed, with what lies between them: a file for others to judge. */
  const evidence = ({ log, when, vkey, old, head, proof, sentence }) => [
    'Evidence about a transparency log (C2SP tlog-checkpoint).', sentence, '', 'Log: ' + log, 'Looked at: ' + when, 'Verifier key: ' + vkey, '',
    '---- checkpoint remembered by this browser, verbatim ----', old.note + '---- checkpoint served now, verbatim ----',
    head.note + '---- end ----', ...(proof.length ? ['', 'Consistency proof from ' + old.size + ' to ' + head.size + ' in the tree served now (RFC 6962 §2.1.2, first hash written out), base64:', ...proof.map(base64)] : []), '',
  ].join('\n');

  globalThis.colophonCheck = { check, STEPS, Refused, Lost, hex, base64, unbase64, sha256, leafHash, nodeHash, EMPTY, weak, verifies, hindrance, parseVkey, parseNote, parseCheckpoint,
    openCheckpoint, tilePath, tileAt, rightEdge, peaks, locate, subtreeRoot, decodeHashes, decodeBundle, openTiles, range, inclusion, foldInclusion, consistency,
    foldConsistency, canonical, parseEnvelope, parseStatement, parseKeys, pae, grouped };

  // ---------------------------------------------------------------- the page

  if (typeof document === 'undefined') return;
  const SVG = 'http://www.w3.org/2000/svg';
  const make = (tag, words, name) => {
    const node = document.createElement(tag);
    if (words !== undefined && words !== '') node.textContent = words;
    if (name) node.className = name;
    return node;
  };
  const draw = (tag, attributes, words) => {
    const node = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    if (words !== undefined) node.textContent = words;
    return node;
  };
  const short = (h) => h.length > 24 ? h.slice(0, 12) + '…' + h.slice(-8) : h;
  const SIGNS = { ok: ['verified', '✓ holds'], first: ['plain', '· first visit'], note: ['plain', '! note'], no: ['refused', '✗ does not hold'], lost: ['refused', '? not known'], skip: ['plain', '· not looked at'], busy: ['plain', '…'] };
  const hashed = (h) => {
    const code = make('code', '', 'hash');
    if (short(h) === h) { code.textContent = h; return code; }
    const seen = make('span', short(h));
    seen.setAttribute('aria-hidden', 'true');
    code.title = h;
    code.append(seen, make('span', h, 'unseen'));
    return code;
  };
  const value = (v) => {
    if (v.hash !== undefined) return hashed(v.hash);
    if (v.pre !== undefined) { const pre = make('pre'); pre.append(make('code', v.pre)); return pre; }
    // Keys and ids are one long word.
    return make(/^\S{20,}$/.test(v.text) ? 'code' : 'span', v.text, 'hash');
  };
  const showStep = (section, item, step) => {
    const [tone, sign] = SIGNS[step.state];
    const line = make('p', '', 'say');
    const verdict = make('span', step.say, 'verdict ' + tone);
    verdict.append(make('span', sign, 'sign'));
    line.append(make('b', step.title), verdict);
    item.className = step.state;
    item.replaceChildren(line);
    if (!step.facts.length) return;
    const facts = make('dl', '', 'facts');
    for (const [name, v] of step.facts) {
      const dd = make('dd');
      dd.append(value(v));
      facts.append(make('dt', name), dd);
    }
    const loud = step.state === 'no' || step.state === 'lost';
    const fold = make('details');
    fold.open = loud || (step.id === 'payload' && !section.dataset.shown);
    fold.append(make('summary', loud ? 'What was compared' : step.id === 'payload' ? 'What it says, as decoded here' : 'What was compared'), facts);
    item.append(fold);
  };

  const source = (tiles) => tiles.length === 1 ? tiles[0] : tiles.length + ' tiles';
  const leaves = (step) => step.count === 1 ? 'entry ' + grouped(step.from) : 'entries ' + grouped(step.from) + '–' + grouped(step.from + step.count - 1);
  /** The path as a tree: the entry below, at each level the sibling given beside what was computed, the root above. */
  const showTree = (figure, result) => {
    const { path, index, size } = result;
    const [middle, row, half] = [170, 50, 13];
    const height = (path.length + 1) * row + 4;
    const y = (level) => height - 36 - level * row;
    const svg = draw('svg', { viewBox: '0 0 340 ' + height, role: 'img', 'aria-labelledby': 'path-title path-words' });
    svg.append(draw('title', { id: 'path-title' }, 'The path from entry ' + index + ' to the root of ' + size + ' entries'));
    svg.append(draw('desc', { id: 'path-words' }, 'The entry’s hash stands at the bottom. At each of ' + path.length + ' levels it is hashed together with the sibling beside it, which a tile gives; the last hash, at the top, is the root in the checkpoint. The same stands below as a list.'));
    const box = (x, at, h, name) => {
      svg.append(draw('rect', { x: x - 44, y: at - half, width: 88, height: 2 * half, rx: 2, class: name }), draw('text', { x, y: at + 4.2, 'text-anchor': 'middle', class: name }, h.slice(0, 8) + '…'));
    };
    path.forEach((step, level) => {
      const [inner, turn] = step.side === 'left' ? [94, 110] : [246, 230];
      const above = y(level + 1) + half;
      svg.append(draw('path', { d: 'M' + middle + ' ' + (y(level) - half) + 'V' + above, class: 'up' }));
      svg.append(draw('path', { d: 'M' + inner + ' ' + y(level) + 'H' + turn + 'V' + (above + 7) + 'H' + middle, class: 'beside' }));
    });
    let mine = hex(result.leaf);
    path.forEach((step, level) => {
      const left = step.side === 'left';
      box(middle, y(level), mine, level ? 'mine' : 'leaf');
      box(left ? 50 : 290, y(level), hex(step.sibling), 'given');
      svg.append(draw('text', { x: left ? 6 : 334, y: y(level) + half + 11, 'text-anchor': left ? 'start' : 'end', class: 'from' }, source(step.tiles)));
      mine = hex(step.result);
    });
    box(middle, y(path.length), mine, 'root');
    const words = (level, name) => svg.append(draw('text', { x: middle + 50, y: y(level) + 4.2, class: 'word' }, name));
    words(path.length, path.length ? 'root' : 'entry ' + grouped(index) + ', and root');
    if (path.length) svg.append(draw('text', { x: middle, y: y(0) + half + 14, 'text-anchor': 'middle', class: 'word' }, 'entry ' + grouped(index)));
    const list = make('details');
    list.append(make('summary', 'The same as a list'));
    const steps = make('ol', '', 'path');
    const first = make('li', 'Entry ' + grouped(index) + ' hashes to ');
    first.append(hashed(hex(result.leaf)));
    steps.append(first);
    path.forEach((step, i) => {
      const line = make('li', 'With ');
      line.append(hashed(hex(step.sibling)), ' on the ' + step.side + ' (' + leaves(step) + ', from ' + step.tiles.join(', ') + ') it makes ', hashed(hex(step.result)), i === path.length - 1 ? ', the root.' : '');
      steps.append(line);
    });
    list.append(steps);
    figure.replaceChildren(svg, make('figcaption', 'Computed here: the middle. Given by the log’s tiles: the sides.', 'fine'), list);
    figure.hidden = false;
  };

  const browserStore = (log) => {
    const name = 'colophon-check:' + log;
    return {
      get: () => { const kept = JSON.parse(localStorage.getItem(name)); return isObject(kept) ? kept : null; },
      set: (kept) => localStorage.setItem(name, JSON.stringify(kept)),
      forget: () => localStorage.removeItem(name),
    };
  };
  const VERDICTS = {
    ok: (r) => ['verified', 'Entry ' + grouped(r.index) + ' stands in the log as it was signed. Every hash and signature was checked here.', '✓'],
    note: (r) => ['verified', 'Entry ' + grouped(r.index) + ' stands in the log as it was signed. Read the notes above: they say what was taken on trust.', '✓'],
    no: () => ['refused', 'Something does not hold. Do not rely on this entry until it is explained.', '✗'],
    lost: () => ['refused', 'The check could not be finished, so nothing is known yet.', '?'],
  };

  const start = (section) => {
    const find = (selector) => section.querySelector(selector);
    const [button, steps, figure, given, forget, form] = ['[data-check]', '[data-steps]', '[data-tree]', '[data-key]', '[data-forget]', 'form'].map(find);
    if (!button || !steps) return;
    const verdict = find('[data-verdict]') || make('p');
    if (!verdict.isConnected) steps.after(verdict);
    verdict.setAttribute('role', 'status');
    // What only works with scripts is shown by one.
    for (const node of section.querySelectorAll('[data-scripted]')) node.hidden = false;
    const field = (name) => { const input = find('[data-field=' + name + ']'); return input ? input.value.trim() : ''; };
    const asked = () => {
      const log = at((field('log') || section.dataset.log || '/log').replace(/\/+$/, ''));
      const root = log.replace(/\/log$/, '');
      const keys = section.dataset.keys ? at(section.dataset.keys) : root + '/trust/keys';
      const vkey = section.dataset.vkey ? at(section.dataset.vkey) : section.dataset.keys ? at(section.dataset.keys.replace(/[^/]*$/, 'log.vkey')) : root + '/trust/log.vkey';
      const index = field('index') || section.dataset.index || '';
      return { log, keys, vkey, index: decimal(index) };
    };
    const run = async () => {
      let what;
      try { what = asked(); } catch { verdict.replaceChildren(make('span', 'This is not an address of a log. It should look like https://example.com/log.', 'verdict refused')); return; }
      button.disabled = true;
      const label = button.textContent;
      button.textContent = 'Checking…';
      verdict.replaceChildren();
      if (figure) { figure.hidden = true; figure.replaceChildren(); }
      const items = new Map(STEPS.map(([id]) => [id, make('li')]));
      steps.replaceChildren(...items.values());
      for (const item of items.values()) item.hidden = true;
      const shown = section.dataset.shown ? document.querySelector(section.dataset.shown) : null;
      const result = await check({ ...what, pasted: given ? given.value : '', store: browserStore(what.log), shown: shown ? shown.textContent : null,
        on: (step) => { const item = items.get(step.id); item.hidden = false; showStep(section, item, step); } });
      if (result.path && figure) showTree(figure, result);
      const [tone, sentence, sign] = VERDICTS[result.state](result);
      const line = make('span', sentence, 'verdict ' + tone);
      const mark = make('span', sign, 'sign');
      mark.setAttribute('aria-hidden', 'true');
      line.append(mark);
      verdict.replaceChildren(line);
      if (result.kept === false) verdict.append(' ', make('span', 'This browser could not remember the log for next time.', 'fine'));
      if (result.evidence) {
        const link = make('a', 'Download the evidence', 'button');
        link.href = URL.createObjectURL(new Blob([result.evidence], { type: 'text/plain' }));
        link.download = 'log-evidence.txt';
        items.get('memory').append(link);
      }
      button.disabled = false;
      button.textContent = label;
      // A button that was off has lost the keyboard.
      if (document.activeElement === document.body) button.focus({ preventScroll: true });
      section.dispatchEvent(new CustomEvent('checked', { detail: result }));
    };
    if (form) form.addEventListener('submit', (event) => { event.preventDefault(); run(); });
    else button.addEventListener('click', run);
    if (forget) forget.addEventListener('click', () => {
      const said = find('[data-forgotten]');
      try { browserStore(asked().log).forget(); if (said) said.textContent = 'Forgotten. The next check is a first visit.'; } catch { if (said) said.textContent = 'This browser keeps nothing for this page.'; }
    });
  };
  const section = document.getElementById('browser-check');
  if (section) start(section);
})();
