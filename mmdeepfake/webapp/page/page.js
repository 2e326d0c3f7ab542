// Send a video, poll its progress, and show the findings. Everything from a file or
// from the server is set as text, never as HTML.
'use strict';

const PAUSE_MS = 700;
const ASKING = { 'X-MMDeepfake': 'page' };
const DOWNLOADS = {
  'report.html': 'Report',
  'result.json': 'All results (JSON)',
  'scores.csv': 'Scores (CSV)',
  'annotated.mp4': 'Video with boxes',
};
const TITLE = document.title;
const SAY_MS = 10000; // progress is not spoken sooner after anything else
const at = (id) => document.getElementById(id);

let about = null;
let batch = []; // the visitor's videos: {file, name, id, job, text, verdict}
let shown = null; // the one whose result is shown
let request = null; // the upload that is running
let visit = 0; // incremented when the videos are withdrawn: late responses are dropped
let step = { text: '', start: 0, done: 0 }; // for the time left
let spoken = 0; // when

class Trouble extends Error {}

function show(...ids) {
  const more = batch.length > 1 ? ['batch'] : [];
  for (const id of ['ask', 'batch', 'trouble', 'wait', 'result']) at(id).hidden = ![...more, ...ids].includes(id);
}

function setTitle(text) {
  document.title = text ? `${text} - ${TITLE}` : TITLE;
}

function say(text) {
  spoken = Date.now();
  at('said').textContent = text;
}

function complain(message) {
  at('trouble-text').textContent = message;
  setTitle('Not examined');
  show('trouble');
  at('trouble-name').focus();
}

function begin() {
  visit += 1;
  batch = [];
  shown = null;
  location.hash = '';
  at('file').value = '';
  at('video').removeAttribute('src');
  setTitle('');
  show('ask');
}

function list() {
  at('batch-list').replaceChildren(...batch.map((one) => {
    const line = element('li', '');
    const name = element(one.job ? 'button' : 'span', one.name);
    if (one.job) name.addEventListener('click', () => { tell(one); show(isBusy() ? 'wait' : '', 'result'); });
    if (one === shown) name.setAttribute('aria-current', 'true');
    const text = element('span', ` ${one.text}`);
    text.className = one.verdict ? `mark ${one.verdict}` : '';
    line.append(name, text);
    return line;
  }));
}

function isBusy() {
  return batch.some((one) => !one.job && !one.isOver);
}

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { headers: ASKING, ...options });
  } catch {
    throw new Trouble('The server cannot be reached. Is it still running?');
  }
  if (answer.status === 204) return null;
  let body = {};
  try {
    body = await answer.json();
  } catch {
    body = { message: 'The server is busy or sent an invalid response. Try again.' };
  }
  if (!answer.ok) throw new Trouble(body.message || 'The server refused the request.');
  return body;
}

function send(id, file, seen) {
  return new Promise((resolve, reject) => {
    request = new XMLHttpRequest();
    request.open('PUT', `/api/jobs/${id}/video`);
    request.setRequestHeader('X-MMDeepfake', 'page');
    request.setRequestHeader('Content-Type', 'application/octet-stream');
    request.upload.onprogress = (event) => {
      if (seen === visit) wait(`Sending: ${megabytes(event.loaded)} of ${megabytes(file.size)}`, event.loaded, file.size);
    };
    request.onload = () => {
      if (request.status < 300) return resolve();
      let message = 'The server refused the video.';
      try {
        message = JSON.parse(request.responseText).message || message;
      } catch { /* not our JSON */ }
      return reject(new Trouble(message));
    };
    request.onerror = () => reject(new Trouble('The upload was interrupted. Try again.'));
    request.onabort = () => reject(new Trouble(''));
    request.send(file);
  });
}

function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function seconds(value) {
  const whole = Math.floor(value / 60);
  return whole ? `${whole}:${String(Math.floor(value % 60)).padStart(2, '0')} min` : `${value.toFixed(2)} s`;
}

function wait(text, done = 0, total = 0) {
  if (text !== step.text || done < step.done) step = { text, start: Date.now(), done };
  const rate = (done - step.done) / (Date.now() - step.start);
  const left = rate > 0 && Date.now() - step.start > 2000 ? Math.ceil((total - done) / rate / 1000) : 0;
  const more = left ? `, about ${left > 90 ? `${Math.round(left / 60)} min` : `${left} s`} left` : '';
  const share = total ? `${Math.min(100, Math.round(100 * done / total))} %` : '';
  at('wait-text').textContent = `${text}${share && `: ${share}`}${more}`;
  setTitle(`${share || '...'} ${text}`);
  if (Date.now() - spoken > SAY_MS) say(at('wait-text').textContent);
  if (total) at('wait-bar').value = Math.min(1, done / total);
  else at('wait-bar').removeAttribute('value');
}

async function examineAll(files) {
  if (!files.length) return;
  visit += 1;
  const seen = visit;
  batch = [...files].map((file) => ({ file, name: file.name, text: 'waiting' }));
  for (const one of batch) {
    await examine(one, seen);
    if (seen !== visit) return;
  }
  if (batch.length > 1) {
    show(shown ? 'result' : '');
    setTitle('All videos are done');
    say('All videos are done');
  }
  if (!shown) complain(batch.length > 1 ? 'None of the videos could be examined.' : batch[0].text);
}

async function examineExample() {
  visit += 1;
  const seen = visit;
  at('wait-name').textContent = 'Example';
  show('wait');
  wait('Rendering the example');
  try {
    const answer = await fetch('/example.mp4').catch(() => null);
    if (!answer || !answer.ok) throw new Trouble('The example could not be rendered; see the server log.');
    const content = await answer.blob();
    if (seen === visit) await examineAll([new File([content], 'example.mp4')]);
  } catch (error) {
    if (seen === visit) complain(explain(error));
  }
}

async function examine(one, seen) {
  const { file } = one;
  at('wait-name').textContent = one.name;
  one.text = 'in progress';
  show('wait', shown ? 'result' : '');
  list();
  wait('Reserving a place');
  if (!shown) at('wait-name').focus();
  try {
    const limit = about && about.limits.max_megabytes;
    if (limit && file.size > limit * 1e6) {
      throw new Trouble(`The file has ${megabytes(file.size)}; the limit is ${limit} MB. Shorten the video or compress it more.`);
    }
    const job = await ask('/api/jobs', { method: 'POST', body: JSON.stringify({ name: file.name, size: file.size }) });
    one.id = job.id;
    if (seen !== visit) return void forget(one.id);
    await send(job.id, file, seen);
    if (seen !== visit) return;
    if (batch.length === 1) location.hash = job.id;
    await follow(one, seen);
  } catch (error) {
    one.isOver = true;
    one.text = explain(error);
  }
  if (seen === visit) list();
}

function explain(error) {
  return error instanceof Trouble ? error.message : 'Internal error of this page. Reload it.';
}

async function follow(one, seen) {
  while (seen === visit) {
    const job = await ask(`/api/jobs/${one.id}`);
    if (seen !== visit) return;
    at('wait-name').textContent = job.name;
    if (job.state === 'done') {
      Object.assign(one, { job, name: job.name, text: job.findings.verdict_words, verdict: nameColour(job.findings) });
      if (!shown) tell(one);
      return;
    }
    if (job.state === 'failed') throw new Trouble(job.message);
    if (job.state === 'waiting') wait(`Waiting, place ${job.num_before}`);
    else wait(job.stage || 'Opening the video', job.done || 0, job.total || 0);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

function nameColour(found) {
  return ['fake', 'uncertain', 'real'].includes(found.verdict) ? found.verdict : 'other';
}

function tell(one) {
  const { job } = one;
  const found = job.findings;
  shown = one;
  const path = (name) => `/api/jobs/${job.id}/files/${encodeURIComponent(name)}`;
  const has = (name) => found.files.includes(name);
  const isJudged = found.is_judged;
  at('name').textContent = job.name;
  at('verdict').className = `verdict ${nameColour(found)}`;
  at('verdict-word').textContent = found.verdict_words;
  at('verdict-text').textContent = isJudged ? found.sentence : '';
  at('scale').hidden = !isJudged;
  if (isJudged) {
    at('scale-score').style.left = `${100 * found.fake_score}%`;
    at('scale-threshold').style.left = `${100 * Math.min(1, found.threshold)}%`;
    at('scale-line').style.setProperty('--turn', `${100 * Math.min(1, found.threshold)}%`);
    at('scale-line').style.setProperty('--low', `${100 * Math.min(1, found.threshold, found.lower_threshold)}%`);
  }
  const calibration = found.is_calibrated
    ? 'The threshold was chosen on validation videos.'
    : 'The threshold is not calibrated: its rate of false alarms is unknown.';
  const training = about ? `The model was trained on ${about.model.trained_on}.` : '';
  at('meaning').textContent = [found.meaning, isJudged && calibration, training].filter(Boolean).join(' ');
  const frames = `${found.width} x ${found.height} pixels, ${found.num_frames} frames, ${seconds(found.duration_seconds)}.`;
  at('notes').replaceChildren(...[...found.notes, frames].map((note) => element('li', note)));
  at('video-part').hidden = !has('annotated.mp4');
  if (has('annotated.mp4')) at('video').src = path('annotated.mp4');
  at('time-part').hidden = !has('timeline.svg');
  if (has('timeline.svg')) at('timeline').src = path('timeline.svg');
  at('timeline').onclick = (event) => seek(event, found);
  at('face-part').hidden = !found.faces.length;
  at('faces').replaceChildren(...found.faces.map((face) => makeFace(face, path)));
  const left = found.num_faces - found.faces.length;
  at('more-faces').textContent = found.faces.length && left > 0 ? `${left} more are in the files below.` : '';
  at('downloads').replaceChildren(...Object.keys(DOWNLOADS).filter(has).map((name) => {
    const link = element('a', DOWNLOADS[name]);
    link.href = path(name);
    link.download = `${job.name.replace(/\.[^.]*$/, '')}_${name}`;
    return link;
  }));
  at('kept').textContent = about ? `The server has deleted your video. It deletes the results after ${about.limits.keep_minutes} minutes.` : '';
  list();
  show('result');
  setTitle(`${found.verdict_words}: ${job.name}`);
  say(`${found.verdict_words}. ${isJudged ? found.sentence : ''}`);
  at('name').focus();
}

function seek(event, found) {
  const [left, right] = found.time_axis;
  const share = (event.offsetX / event.target.clientWidth - left) / (right - left);
  at('video').currentTime = Math.min(1, Math.max(0, share)) * found.duration_seconds;
  at('video').scrollIntoView({ block: 'nearest' });
}

function makeFace(face, path) {
  const part = at('face').content.cloneNode(true);
  const size = face.size_px === null ? '' : `${face.size_px} pixels, `;
  part.querySelector('h4').textContent = `${face.name}: ${face.verdict_words}`;
  part.querySelector('.doubts').replaceChildren(...face.doubts.map((doubt) => element('li', doubt)));
  part.querySelector('.facts').textContent = `P(fake) ${face.fake_score.toFixed(3)}, ${size}seen from ${seconds(face.start_seconds)} to ${seconds(face.end_seconds)}`;
  const captions = {
    heat: face.caption,
    regions: `Regions of RATF: each colour is the basis filter with the largest weight (${face.num_ruling} of ${face.num_filters} appear here). They show how the model divides the image, not what is fake.`,
  };
  for (const kind of ['heat', 'regions']) {
    const figure = part.querySelector(`.${kind}`);
    if (!face.pictures[kind]) {
      figure.remove();
      continue;
    }
    figure.querySelector('img').src = path(face.pictures[kind]);
    figure.querySelector('img').alt = captions[kind];
    figure.querySelector('figcaption').textContent = captions[kind];
  }
  return part;
}

function element(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

async function withdraw() {
  const ids = batch.map((one) => one.id).filter(Boolean);
  if (request) request.abort();
  begin();
  await Promise.all(ids.map(forget));
}

async function forget(id) {
  try {
    await ask(`/api/jobs/${id}`, { method: 'DELETE' });
  } catch { /* already deleted */ }
}

function listen() {
  at('file').addEventListener('change', () => examineAll(at('file').files));
  at('example').addEventListener('click', examineExample);
  at('again').addEventListener('click', begin);
  at('next').addEventListener('click', begin);
  at('cancel').addEventListener('click', withdraw);
  at('remove').addEventListener('click', withdraw);
  for (const kind of ['dragover', 'dragleave', 'drop']) {
    at('ask').addEventListener(kind, (event) => {
      event.preventDefault();
      at('ask').classList.toggle('over', kind === 'dragover');
      if (kind === 'drop') examineAll(event.dataTransfer.files);
    });
  }
}

async function start() {
  listen();
  try {
    about = await ask('/api/about');
    const { limits, model } = about;
    at('limits').textContent = `up to ${limits.max_megabytes} MB and ${limits.max_seconds} seconds each`;
    at('model').textContent = `${model.model}, trained on ${model.trained_on}; mmdeepfake ${model.version}`;
    const id = location.hash.slice(1);
    if (id) {
      batch = [{ id: encodeURIComponent(id), name: '', text: '' }];
      show('wait');
      wait('Looking for the result');
      await follow(batch[0], visit);
    }
  } catch (error) {
    complain(explain(error));
  }
}

start();
