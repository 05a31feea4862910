// Judges the JavaScript form, by means of its own, one case per line:
//
//   A <base64 source> <base64 result>   the source was accepted
//   R <base64 source>                   the source was refused
//
// It answers each with one line: "ok" for a right result, "lost <what>" for a
// refusal with good reason, and "bad <why>" for a mismatch.
'use strict';

const MAX_DEPTH = 1000;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

// exact gives equal strings for literals of equal value, by BigInt alone.
function exact(literal) {
  const m = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(literal);
  if (m === null) return literal; // Infinity, NaN
  let exponent = BigInt(m[4] || '0') - BigInt((m[3] || '').length);
  let digits = (m[2] + (m[3] || '')).replace(/^0+/, '');
  if (digits === '') return '0';
  const short = digits.replace(/0+$/, '');
  exponent += BigInt(digits.length - short.length);
  return m[1] + short + 'e' + exponent;
}

// depthOf returns how deep arrays and objects are nested.
function depthOf(text) {
  let depth = 0, most = 0;
  for (const c of text.replace(/"(?:[^"\\]|\\.)*"/g, '')) {
    if (c === '[' || c === '{') most = Math.max(most, ++depth);
    if (c === ']' || c === '}') depth--;
  }
  return most;
}

// analyse reads text that JSON.parse accepts. It returns a string that is
// equal for equal values, and the set of what a JavaScript value of it lacks.
function analyse(text) {
  const token = /\s*(?:([{}\[\],:])|("(?:[^"\\]|\\.)*")|([-+.\w]+))/gy;
  const lost = new Set();
  let kind, lexeme;
  const next = () => {
    const m = token.exec(text);
    kind = m[1] || (m[2] !== undefined ? '"' : '0');
    lexeme = m[0].trim();
  };
  const value = () => {
    switch (kind) {
      case '{': {
        const members = new Map();
        for (next(); kind !== '}'; ) {
          if (kind === ',') next();
          const key = JSON.parse(lexeme);
          if (members.has(key)) lost.add('key');
          next(); // the colon
          next();
          members.set(key, value());
          next();
        }
        const keys = [...members.keys()].sort();
        return '{' + keys.map((k) => JSON.stringify(k) + ':' + members.get(k)).join() + '}';
      }
      case '[': {
        const items = [];
        for (next(); kind !== ']'; next()) {
          if (kind !== ',') items.push(value());
        }
        return '[' + items.join() + ']';
      }
      case '"':
        return JSON.stringify(JSON.parse(lexeme));
    }
    if (/^[tfn]/.test(lexeme)) return lexeme;
    const is = exact(lexeme);
    if (is !== exact(String(Number(lexeme)))) lost.add('number');
    return is;
  };
  next();
  const result = value();
  if (text.length > MAX_DEPTH && depthOf(text) > MAX_DEPTH) lost.add('depth');
  return { result, lost };
}

function accepted(source, result) {
  const text = utf8.decode(source);
  const out = utf8.decode(result);
  if (JSON.stringify(JSON.parse(out)) !== out) return 'bad JSON.stringify changes the result';
  if (JSON.stringify(JSON.parse(text)) !== out) return 'bad JSON.stringify of the source differs';
  const before = analyse(text), after = analyse(out);
  if (before.lost.size > 0) return 'bad accepted what loses: ' + [...before.lost];
  if (before.result !== after.result) return 'bad another value';
  return 'ok';
}

function refused(source) {
  let text;
  try {
    text = utf8.decode(source);
  } catch {
    return 'lost encoding';
  }
  try {
    JSON.parse(text);
  } catch {
    return 'lost syntax';
  }
  const { lost } = analyse(text);
  return lost.size > 0 ? 'lost ' + [...lost].sort() : 'bad nothing is lost';
}

function judge(line) {
  const [verdict, source, result] = line.split(' ');
  try {
    return verdict === 'A'
      ? accepted(Buffer.from(source, 'base64'), Buffer.from(result, 'base64'))
      : refused(Buffer.from(source, 'base64'));
  } catch (e) {
    return 'bad ' + String(e).replace(/\s+/g, ' ');
  }
}

let rest = '';
process.stdin.setEncoding('latin1');
process.stdin.on('data', (chunk) => {
  const lines = (rest + chunk).split('\n');
  rest = lines.pop();
  if (lines.length > 0) process.stdout.write(lines.map((l) => judge(l) + '\n').join(''));
});
