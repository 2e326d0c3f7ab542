// Send a video, poll its progress, and show the findings. Everything from a file or
// from the server is set as text, never as HTML.
'use strict';

const PAUSE_MS = 700;
const ASKING = { 'X-MMDeepfake': 'page' };
const VERDICTS = {
  fake: 'The score is at or above the threshold.',
  uncertain: 'The score is near the threshold: neither word would be safe.',
  real: 'The score is below the threshold. This does not prove that the video is real.',
  'not valid': 'The model is not known to have been trained on real video, so its score says nothing about this video.',
  'no face': 'No face was found, so there is no score. This does not mean that the video is real.',
  none: 'No face is long enough to be scored. This does not mean that the video is real.',
};
const DOWNLOADS = {
  'report.html': 'Report',
  'result.json': 'All results (JSON)',
  'scores.csv': 'Scores (CSV)',
  'annotated.mp4': 'Video with boxes',
};
const at = (id) => document.getElementById(id);

let about = null;
let current = null; // id of the job that is shown
let request = null; // the upload that is running
let visit = 0; // incremented with every change of view: late responses are dropped

class Trouble extends Error {}

function show(...ids) {
  for (const id of ['ask', 'trouble', 'wait', 'result']) at(id).hidden = !ids.includes(id);
}

function complain(message) {
  visit += 1;
  at('trouble-text').textContent = message;
  show('trouble');
}

function begin() {
  visit += 1;
  current = null;
  location.hash = '';
  at('file').value = '';
  at('video').removeAttribute('src');
  show('ask');
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
  at('wait-text').textContent = text;
  if (total) at('wait-bar').value = Math.min(1, done / total);
  else at('wait-bar').removeAttribute('value');
}

async function examine(file) {
  visit += 1;
  const seen = visit;
  at('wait-name').textContent = file.name;
  wait('Reserving a place');
  show('wait');
  try {
    const limit = about && about.limits.max_megabytes;
    if (limit && file.size > limit * 1e6) {
      throw new Trouble(`The file has ${megabytes(file.size)}; the limit is ${limit} MB. Shorten the video or compress it more.`);
    }
    const job = await ask('/api/jobs', { method: 'POST', body: JSON.stringify({ name: file.name, size: file.size }) });
    if (seen !== visit) {
      await ask(`/api/jobs/${job.id}`, { method: 'DELETE' });
      return;
    }
    current = job.id;
    await send(job.id, file, seen);
    if (seen !== visit) return;
    location.hash = job.id;
    await follow(job.id, seen);
  } catch (error) {
    if (seen === visit) complain(say(error));
  }
}

function say(error) {
  return error instanceof Trouble ? error.message : 'Internal error of this page. Reload it.';
}

async function follow(id, seen) {
  while (seen === visit) {
    const job = await ask(`/api/jobs/${id}`);
    if (seen !== visit) return;
    at('wait-name').textContent = job.name;
    if (job.state === 'done') return tell(job);
    if (job.state === 'failed') throw new Trouble(job.message);
    if (job.state === 'waiting') wait(`Waiting, place ${job.num_before}`);
    else if (job.stage && job.total) wait(`${job.stage}: frame ${job.done} of ${job.total}`, job.done, job.total);
    else wait(job.stage || 'Opening the video');
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

function tell(job) {
  const found = job.findings;
  const path = (name) => `/api/jobs/${job.id}/files/${encodeURIComponent(name)}`;
  const has = (name) => found.files.includes(name);
  const isJudged = found.fake_score !== null && found.verdict !== 'not valid';
  at('name').textContent = job.name;
  at('verdict').className = `verdict ${['fake', 'uncertain', 'real'].includes(found.verdict) ? found.verdict : ''}`;
  at('verdict-word').textContent = found.verdict_words;
  at('verdict-text').textContent = isJudged ? found.sentence : '';
  at('scale').hidden = !isJudged;
  if (isJudged) {
    at('scale-score').style.left = `${100 * found.fake_score}%`;
    at('scale-threshold').style.left = `${100 * Math.min(1, found.threshold)}%`;
    at('scale-line').style.setProperty('--turn', `${100 * Math.min(1, found.threshold)}%`);
  }
  const calibration = found.is_calibrated
    ? 'The threshold was chosen on validation videos.'
    : 'The threshold is not calibrated: its rate of false alarms is unknown.';
  const training = about ? `The model was trained on ${about.model.trained_on}.` : '';
  at('meaning').textContent = [VERDICTS[found.verdict], isJudged && calibration, training].filter(Boolean).join(' ');
  const frames = `${found.width} x ${found.height} pixels, ${found.num_frames} frames, ${seconds(found.duration_seconds)}.`;
  at('notes').replaceChildren(...[...found.notes, frames].map((note) => element('li', note)));
  at('video-part').hidden = !has('annotated.mp4');
  if (has('annotated.mp4')) at('video').src = path('annotated.mp4');
  at('time-part').hidden = !has('timeline.png');
  if (has('timeline.png')) at('timeline').src = path('timeline.png');
  at('face-part').hidden = !found.faces.length;
  at('faces').replaceChildren(...found.faces.map((face) => makeFace(face, path)));
  const left = found.num_faces - found.faces.length;
  at('more-faces').textContent = found.faces.length && left > 0 ? `${left} more are in the files below.` : '';
  at('downloads').replaceChildren(...Object.keys(DOWNLOADS).filter(has).map((name) => {
    const link = element('a', DOWNLOADS[name]);
    link.href = path(name);
    link.download = name;
    return link;
  }));
  at('kept').textContent = about ? `The server has deleted your video. It deletes the results after ${about.limits.keep_minutes} minutes.` : '';
  show('result');
}

function makeFace(face, path) {
  const part = at('face').content.cloneNode(true);
  part.querySelector('h4').textContent = `Face ${face.index}: ${face.verdict_words}`;
  part.querySelector('.facts').textContent = `P(fake) ${face.fake_score.toFixed(3)}, seen from ${seconds(face.start_seconds)} to ${seconds(face.end_seconds)}`;
  const peak = face.peak_score === null ? '' : `Its most suspicious snippet (${face.peak_score.toFixed(3)} at ${seconds(face.peak_start_seconds)}), as the model saw it`;
  const captions = {
    heat: face.has_heat ? `${peak}; below, its heat maps (Grad-CAM), scaled to their own maximum, however small.` : `${peak}.`,
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
  const id = current;
  if (request) request.abort();
  begin();
  if (!id) return;
  try {
    await ask(`/api/jobs/${id}`, { method: 'DELETE' });
  } catch { /* already deleted */ }
}

function listen() {
  at('file').addEventListener('change', () => at('file').files[0] && examine(at('file').files[0]));
  at('again').addEventListener('click', begin);
  at('next').addEventListener('click', begin);
  at('cancel').addEventListener('click', withdraw);
  at('remove').addEventListener('click', withdraw);
  for (const kind of ['dragover', 'dragleave', 'drop']) {
    at('ask').addEventListener(kind, (event) => {
      event.preventDefault();
      at('ask').classList.toggle('over', kind === 'dragover');
      const file = kind === 'drop' && event.dataTransfer.files[0];
      if (file) examine(file);
    });
  }
}

async function start() {
  listen();
  try {
    about = await ask('/api/about');
    const { limits, model } = about;
    at('limits').textContent = `up to ${limits.max_megabytes} MB and ${limits.max_seconds} seconds`;
    at('model').textContent = `${model.model}, trained on ${model.trained_on}; mmdeepfake ${model.version}`;
    const id = location.hash.slice(1);
    if (id) {
      current = id;
      show('wait');
      wait('Looking for the result');
      await follow(encodeURIComponent(id), visit);
    }
  } catch (error) {
    complain(say(error));
  }
}

start();
