"""tools/webapp.py as a user calls it, and its page in a real browser."""

from __future__ import annotations

import os
import re
import runpy
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from builders import make_video
from inference_builders import save_tool_model

from mmdeepfake.inference import published_detector

pytest.importorskip('starlette', reason="the page needs the extra 'web'")
pytest.importorskip('uvicorn', reason="the page needs the extra 'web'")

from webapp_builders import PATIENCE_SECONDS, TOOL, running_tool

# Set where the test of the page must not be skipped.
NEED_VARIABLE = 'MMDEEPFAKE_NEED_BROWSER'
WIDTH = 'document.querySelector("#timeline").clientWidth'
# Visible headings that are more than one level below the one before.
HEADINGS = """heads => heads.filter((head) => head.offsetParent)
    .map((head) => Number(head.tagName[1]))
    .filter((level, place, all) => level > (all[place - 1] ?? 0) + 1)"""
PHONE = dict(width=390, height=800)


@pytest.fixture
def browser():
    """Chromium without a window."""
    program = shutil.which('chromium') or shutil.which('chromium-browser')
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        sync_playwright = None
    if program is None or sync_playwright is None:
        assert not os.environ.get(NEED_VARIABLE), 'no Chromium or no Playwright here'
        pytest.skip(
            "no Chromium (.ci/chromium) or no Playwright (extra 'browser') here"
        )
    with sync_playwright() as driver:
        # Chromium's own sandbox does not run for root, as in a container.
        options = ['--no-sandbox'] if os.getuid() == 0 else []
        browser = driver.chromium.launch(executable_path=program, args=options)
        yield browser
        browser.close()


@pytest.fixture
def temp():
    """A folder with a short name: sockets in pytest's own have too long ones."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def test_video_is_uploaded_and_its_verdict_read_in_chromium(
    tmp_path, temp, browser, request
):
    try:
        realff = request.getfixturevalue('realff')
        (video, *_) = sorted(realff.glob('original_sequences/**/*.mp4'))
    except pytest.skip.Exception:
        video = tmp_path / 'made.mp4'
        make_video(video, num_frames=12)
    clip = tmp_path / '<script>document.title=1<' / 'b>clip.mp4'
    clip.parent.mkdir()
    shutil.copy(video, clip)
    page = browser.new_page()
    page.set_default_timeout(PATIENCE_SECONDS * 1000)
    said: list[str] = []
    page.on('console', lambda message: said.append(message.text))
    page.on('pageerror', lambda error: said.append(str(error)))
    model = save_tool_model(tmp_path / 'model')
    with running_tool('--checkpoint', model, temp=temp) as server:
        page.goto(server.address)
        page.set_input_files('#file', clip)
        page.wait_for_selector('#result:visible, #trouble:visible')
        assert 'manipulation' in page.inner_text('#verdict-word')
        assert re.search(r'P\(fake\) 0\.\d{3}', page.inner_text('#verdict-text'))
        assert 'not calibrated' in page.inner_text('#meaning')
        assert page.inner_text('#name') == 'b>clip.mp4'
        assert re.match(r'(Signs|No sign) of m.*: b>clip\.mp4 - ', page.title())
        assert page.evaluate('document.activeElement.id') == 'name'
        names = page.eval_on_selector_all(
            '#downloads a', 'links => links.map((link) => link.download)'
        )
        assert 'b>clip_report.html' in names
        page.wait_for_function(
            '[...document.images].length >= 2 && '
            '[...document.images].every((image) => image.naturalWidth > 0)'
        )
        page.wait_for_function('document.querySelector("video").readyState > 0')
        page.click('#timeline', position=dict(x=0.5 * page.evaluate(WIDTH), y=40))
        assert page.evaluate('document.querySelector("video").currentTime') > 0
        assert page.eval_on_selector_all('h1, h2, h3, h4', HEADINGS) == []
        picture = page.screenshot(path=tmp_path / 'page.png', full_page=True)
        assert len(picture) > 10_000
        page.set_viewport_size(PHONE)
        width = page.evaluate('document.documentElement.scrollWidth')
        assert width <= PHONE['width']
        (room,) = temp.glob('*/job*')
        page.click('#remove')
        page.wait_for_selector('#ask:visible')
        page.wait_for_function(
            f'fetch("{server.address}api/jobs/x")'
            '.then((answer) => answer.status === 404)'
        )
        text = tmp_path / 'text.mp4'
        text.write_text('no video')
        page.set_input_files('#file', text)
        page.wait_for_selector('#trouble:visible')
        assert 'is not a supported video' in page.inner_text('#trouble-text')
        assert page.evaluate('document.activeElement.id') == 'trouble-name'
        assert not room.exists()
        page.click('#again')
        page.click('#example')
        page.wait_for_selector('#result:visible, #trouble:visible')
        assert page.inner_text('#name') == 'example.mp4'
        page.click('#next')
        page.set_input_files('#file', [clip, text, video])
        page.wait_for_selector('#batch-list li:nth-child(3) button')
        lines = page.inner_text('#batch-list').splitlines()
        assert [line.split(' ')[0] for line in lines] == [
            'b>clip.mp4', 'text.mp4', video.name,
        ]  # fmt: skip
        assert 'is not a supported video' in lines[1]
        assert page.inner_text('#name') == 'b>clip.mp4'  # the first stays
        page.click(f'#batch-list button:has-text("{video.name}")')
        assert page.inner_text('#name') == video.name
    assert not list(temp.glob('mmdeepfake-*'))
    log = ''.join(server.lines)
    assert 'clip' not in log and 'Traceback' not in log
    # Chromium itself notes the refusals: 415 for the text, 404 for the job x.
    assert not [one for one in said if 'the server responded with a status' not in one]


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['--checkpoint', 'none.pth'], "no such checkpoint file 'none.pth'"),
        ([], 'comes without a starter detector: name a checkpoint'),
        (['--checkpoint', 'w.pth', '--config', 'c.py'], "no such config file 'c.py'"),
        (['--checkpoint', 'w.pth', '--max-megabytes', '0'], 'max_megabytes=0.0'),
        (['--checkpoint', 'w.pth', '--host', '203.0.113.1'], 'cannot be used'),
    ],
)
def test_wrong_use_ends_with_2_and_one_line(
    tmp_path, capsys, monkeypatch, words, message
):
    (tmp_path / 'w.pth').write_bytes(b'')
    monkeypatch.setattr(published_detector, 'STARTER', tmp_path / 'none')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'argv', ['webapp.py', '--port', '0', *words])
    assert runpy.run_path(str(TOOL))['main']() == 2
    said = capsys.readouterr().err
    assert said.startswith('error: ')
    assert message in said
    assert said.count('\n') == 1
