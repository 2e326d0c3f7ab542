"""Pushes thousands of broken videos through every stage that reads videos.

    python tests/faults/video_campaign.py --cases 10000 --seed 0 --realff DIR --out DIR

Runs again where it was stopped: what is in OUT/trials.jsonl is done. Each line of it
is one case in one stage; files of cases that did not end in frames or in a refusal lie
in OUT/failed. OUT/summary.md is written at the end, and with --summary alone.
"""

from __future__ import annotations

import argparse
import json
import pickle
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

_TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(_TESTS), str(_TESTS.parent)]

from fault_builders.video_mutator import (  # noqa: E402
    MUTATIONS,
    Source,
    make_case,
)
from fault_builders.watched_trials import Trial, TrialProcess  # noqa: E402

STAGES = ('decoding', 'dataset', 'preparation', 'inference')
_BATCH = 100
_GOOD = ('frames', 'refused')
CAP_MIB = 2048  # of one process


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--cases', type=int, default=10_000)
    parser.add_argument('--first', type=int, default=0, help='number of the first case')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--realff', type=Path, help='real footage, FF++ layout')
    parser.add_argument('--out', type=Path, required=True)
    parser.add_argument('--stage', choices=STAGES, action='append')
    parser.add_argument('--workers', type=int, default=1)
    parser.add_argument(
        '--memory', type=Path, default=Path('/dev/shm'), help='where case files lie'
    )
    parser.add_argument('--code', help='version that is tried, where git is not there')
    parser.add_argument('--summary', action='store_true', help='write only the table')
    return parser.parse_args()


def load_sources(out: Path, realff: Path | None) -> list[Source]:
    """Make the sources, once for a campaign, so that a case stays what it was."""
    folder = out / 'sources'
    names = folder / 'names.json'
    if not names.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as scratch:
            # A process of its own: decord's libraries disturb FFmpeg's encoders.
            code = (
                'import pickle, sys; from pathlib import Path;'
                'from fault_builders.sound_videos import make_sources;'
                'realff = Path(sys.argv[2]) if sys.argv[2] else None;'
                'made = make_sources(Path(sys.argv[1]), realff);'
                'pickle.dump(made, sys.stdout.buffer)'
            )
            made = subprocess.run(
                [sys.executable, '-c', code, scratch, str(realff or '')],
                env={'PYTHONPATH': f'{_TESTS}:{_TESTS.parent}'},
                stdout=subprocess.PIPE,
                check=True,
            )
        sources = pickle.loads(made.stdout)
        for source in sources:
            (folder / f'{source.name}{source.suffix}').write_bytes(source.content)
        names.write_text(json.dumps([(s.name, s.suffix) for s in sources]))
    return [
        Source(name, suffix, (folder / f'{name}{suffix}').read_bytes())
        for name, suffix in json.loads(names.read_text())
    ]


def read_log(log: Path) -> dict[tuple[str, int], dict]:
    """Read what is done; the last line of a case counts."""
    if not log.exists():
        return {}
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return {(line['stage'], line['number']): line for line in lines}


def name_code() -> str:
    """Name the version of the product that is tried."""
    asked = ['git', '-C', str(_TESTS), 'rev-parse', '--short', 'HEAD']
    done = subprocess.run(asked, capture_output=True, text=True)
    return done.stdout.strip() or 'unknown'


def run_stage(
    stage: str,
    numbers: Sequence[int],
    sources: list[Source],
    args: argparse.Namespace,
    worker: int,
) -> Iterator[Trial]:
    """Run cases of one stage in one watched process after another."""
    with tempfile.TemporaryDirectory(dir=args.memory) as folder:
        for start in range(0, len(numbers), 10 * _BATCH):
            # A new process now and then: what leaks is of no interest here.
            with TrialProcess(sources, args.seed, Path(folder)) as process:
                some = numbers[start : start + 10 * _BATCH]
                for low in range(0, len(some), _BATCH):
                    yield from process.run(stage, some[low : low + _BATCH])


def keep_failed(trial: Trial, args: argparse.Namespace, sources: list[Source]) -> None:
    """Keep the file of a case that must be looked into."""
    case = make_case(trial.number, args.seed, sources)
    folder = args.out / 'failed'
    folder.mkdir(exist_ok=True)
    (folder / f'case_{trial.number}{case.suffix}').write_bytes(case.content)


def run_campaign(args: argparse.Namespace) -> None:
    """Run what is not in the log yet."""
    args.out.mkdir(parents=True, exist_ok=True)
    log = args.out / 'trials.jsonl'
    sources = load_sources(args.out, args.realff)
    code = args.code or name_code()
    done = read_log(log)
    for stage in args.stage or STAGES:
        wanted = range(args.first, args.first + args.cases)
        waiting = [number for number in wanted if (stage, number) not in done]
        shares = [waiting[i :: args.workers] for i in range(args.workers)]

        def work(worker: int, stage: str = stage, shares: list = shares) -> None:
            for trial in run_stage(stage, shares[worker], sources, args, worker):
                case = make_case(trial.number, args.seed, sources)
                line = asdict(trial) | dict(
                    source=case.source, kind=case.kind, detail=case.detail, code=code
                )
                with open(log, 'a', encoding='utf-8') as file:
                    file.write(json.dumps(line) + '\n')
                if trial.end not in _GOOD or trial.peak_mib > CAP_MIB:
                    keep_failed(trial, args, sources)

        with ThreadPoolExecutor(args.workers) as pool:
            list(pool.map(work, range(args.workers)))


def summarise(log: Path) -> str:
    """Write the tables of a campaign in Markdown."""
    trials = list(read_log(log).values())
    ends = ('frames', 'refused', 'fault', 'crash', 'hang')
    lines = [
        '| stage | cases | frames | refused | fault | crash | hang | median ms | '
        'slowest s (case) | peak MiB (case) |',
        '|---|---|---|---|---|---|---|---|---|---|',
    ]
    for stage in STAGES:
        some = [trial for trial in trials if trial['stage'] == stage]
        if not some:
            continue
        counts = Counter(trial['end'] for trial in some)
        slow = max(some, key=lambda trial: trial['seconds'])
        large = max(some, key=lambda trial: trial['peak_mib'])
        middle = sorted(trial['seconds'] for trial in some)[len(some) // 2]
        lines.append(
            f'| {stage} | {len(some)} | '
            + ' | '.join(str(counts[end]) for end in ends)
            + f' | {middle * 1000:.0f} | {slow["seconds"]:.2f} ({slow["number"]}) | '
            f'{large["peak_mib"]} ({large["number"]}) |'
        )
    lines += ['', '| damage | ' + ' | '.join(STAGES) + ' |', '|---' * 5 + '|']
    for kind in MUTATIONS:
        cells = []
        for stage in STAGES:
            some = [t for t in trials if t['stage'] == stage and t['kind'] == kind]
            counts = Counter(trial['end'] for trial in some)
            bad = sum(counts[end] for end in ends[2:])
            cells.append(f'{counts["frames"]} / {counts["refused"]} / {bad}')
        lines.append(f'| {kind} | ' + ' | '.join(cells) + ' |')
    codes = Counter((trial['stage'], trial['code']) for trial in trials)
    lines += ['', 'Cells: frames / refused / faults, crashes and hangs.', '']
    lines += [
        f'- {s}: {n} cases of code {code}' for (s, code), n in sorted(codes.items())
    ]
    return '\n'.join(lines) + '\n'


def main() -> None:
    args = parse_args()
    if not args.summary:
        run_campaign(args)
    table = summarise(args.out / 'trials.jsonl')
    (args.out / 'summary.md').write_text(table)
    print(table)


if __name__ == '__main__':
    main()
