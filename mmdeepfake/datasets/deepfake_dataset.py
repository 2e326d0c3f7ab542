"""Dataset of real and fake videos, read from a manifest."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from mmaction.datasets import BaseActionDataset
from mmengine.logging import MMLogger

from mmdeepfake.datasets.argument_checks import check_argument, check_choice
from mmdeepfake.errors import ConfigError, DataError, DataNotFoundError
from mmdeepfake.layouts import LAYOUTS, plain_compression
from mmdeepfake.registry import DATASETS
from mmdeepfake.structures import (
    FAILED,
    FAKE,
    LABEL_NAMES,
    NO_FACE,
    OK,
    REAL_METHOD,
    STOP,
    VideoRecord,
)
from mmdeepfake.structures.manifest import read_manifest
from mmdeepfake.structures.training_data import FOOTAGE
from mmdeepfake.structures.video_record import LEFT_OUT_VIDEOS, SPLITS, UNSCORED_VIDEOS

from .balance import repeat_real
from .file_check import CHECK_NAMES, FileReport, check_videos
from .identities import check_identities
from .pipeline_needs import (
    CheckedVideos,
    Needs,
    check_record,
    count_text,
    describe_unusable,
    is_unsuited,
    list_left_out,
    suggest_repair,
)
from .reading_errors import SkipRule, as_broken_sample, as_error
from .transforms.decoding import stream_frames
from .video_item import make_item, read_face_boxes


@DATASETS.register_module()
class DeepfakeDataset(BaseActionDataset):
    """Videos of a manifest, each real (label 0) or fake (label 1).

    Subclasses read other layouts by overriding `list_records`. All take the same
    arguments, so a config for another dataset only changes `type` and `data_root`.

    On construction every listed video is checked: the file, the length that the
    pipeline's sampler needs, and other files that the pipeline reads, e.g. landmarks.
    Unusable videos stop the run with one message that counts and names them, unless
    their share is at most `max_unusable_share`: then they are skipped with a warning.
    `leave_out_unsuited` skips, without limit, valid videos that lack what this pipeline
    needs. A test set lists the skipped videos in its `metainfo`, under
    'left_out_videos' as (key, kind of problem), and `DeepfakeMetric` reports the share
    of videos covered by its figures. Videos are sorted by key.

    Damage inside a video shows only when it is read. The run then stops with the
    video's key, file and problem, or, with `on_error='skip'`, continues without it: a
    `BrokenSample` takes its place in the batch, see `BrokenSampleHook`. A video is
    never replaced by another one.

    Videos without a detected face, or whose preparation failed (`VideoRecord.status`),
    cannot be shown to a model. Training skips them and logs their number; a test set
    lists them in its `metainfo`, under 'unscored_videos' as (key, status, identities),
    for `DeepfakeMetric` to score and count.

    An item, before the pipeline, has:
        filename: path of the video file; for a folder of frames instead frame_dir,
            filename_tmpl and offset, as for MMAction2's `RawFrameDecode`.
        label, video_key, track, dataset, method, compression, video_name, identities.
        mask, landmarks, track_file: path or None.
        total_frames, fps, face_boxes ((F, 4) or (1, 4) float32 pixels): if known. Boxes
            of a track file are read when the item enters the pipeline.

    Args:
        data_root: root of the videos' paths.
        split: 'train', 'val' or 'test'.
        pipeline: transforms of MMAction2 and ours.
        manifest: path relative to `data_root`. Used by this class only.
        prepared_from: SET and ROOT of the `tools/prepare.py` command that writes the
            manifest, for the message if it is missing.
        methods: manipulations to list; None lists all (in `FaceForensics`, the four of
            the RATF paper). Real videos are always listed.
        compression: 'c0', 'c23', 'c40' or their names 'raw', 'hq', 'lq'; None lists
            all.
        dataset_name: first part of the videos' keys. Here, where the manifest has the
            keys, it selects the videos of that dataset; None selects all.
        footage: 'real video' or 'rendered' (computer graphics), a fact of the data
            that training writes into its checkpoints: no verdict on a real video comes
            from a model of rendered heads, or of data that do not say.
        real_fake_balance: None lists each video once; 'repeat_real' repeats real videos
            up to the number of fakes, see `balance.repeat_real`. For training only.
        max_unusable_share: maximum share of unusable videos in the split, 0 <= x < 1.
        leave_out_unsuited: skip videos that are too short for the pipeline or lack a
            file that it needs, not counted in that share.
        on_error: 'stop' or 'skip', see above; errors that are not of the video, such as
            a bug in a transform or a full disk, always stop.
        max_skipped_share: maximum share of the distinct videos to skip in a run,
            rounded up to a whole video.
        max_skipped_count: maximum number of videos to skip in a run.
        check_files: 'open' reads the header and index of every file, 'stat' only checks
            that it exists and is not empty.
        tracks: 'main' lists each video's main face, 'all' every tracked face, which
            `DeepfakeMetric` merges into one score per video; for tests only, with
            'track' in the meta_keys of PackActionInputs.
        test_shows_known_persons: allow persons of the other splits in the manifest's
            test split and log their number, as some official splits need; otherwise a
            person in two splits is an error. Used by this class only.
        test_mode: no randomness; set for validation and test.
        **kwargs: arguments of MMAction2's `BaseActionDataset`.
    """

    METAINFO: ClassVar[dict] = dict(classes=LABEL_NAMES)
    pseudo_fakes: ClassVar[bool] = False  # whether items are made of real videos

    def __init__(
        self,
        data_root: str,
        split: str,
        pipeline: list[dict | Callable],
        manifest: str = 'manifest.jsonl',
        prepared_from: Sequence[str] | None = None,
        methods: Sequence[str] | str | None = None,
        compression: str | None = None,
        dataset_name: str | None = None,
        footage: str | None = None,
        real_fake_balance: str | None = None,
        max_unusable_share: float = 0.0,
        leave_out_unsuited: bool = False,
        on_error: str = STOP,
        max_skipped_share: float = 0.01,
        max_skipped_count: int = 100,
        check_files: str = 'open',
        tracks: str = 'main',
        test_shows_known_persons: bool = False,
        test_mode: bool = False,
        **kwargs: Any,
    ) -> None:
        check_choice(self, SPLITS, split=split)
        check_choice(self, CHECK_NAMES, check_files=check_files)
        check_choice(self, (None, *FOOTAGE), footage=footage)
        check_choice(self, (None, 'repeat_real'), real_fake_balance=real_fake_balance)
        check_choice(self, ('main', 'all'), tracks=tracks)
        check_argument(
            self,
            tracks == 'main' or test_mode,
            "tracks='main' in training: a fake video may show unmanipulated persons",
            tracks=tracks,
            test_mode=test_mode,
        )
        check_argument(
            self,
            real_fake_balance is None or not test_mode,
            'None in tests, where a repeated video would count twice in the metrics',
            real_fake_balance=real_fake_balance,
            test_mode=test_mode,
        )
        check_argument(
            self,
            0 <= max_unusable_share < 1,
            '0 <= share < 1',
            max_unusable_share=max_unusable_share,
        )
        self.split = split
        self.check_files = check_files
        self.real_fake_balance = real_fake_balance
        self.tracks = tracks
        self.skip_rule = SkipRule(
            type(self).__name__, on_error, max_skipped_share, max_skipped_count
        )
        # Whether items may be a `BrokenSample`; set by who removes them from batches.
        self.marks_broken = False
        self.on_reading: Callable[[int | None], None] | None = None
        self.manifest = manifest
        self.prepared_from = prepared_from
        self.test_shows_known_persons = test_shows_known_persons
        self.methods = [methods] if isinstance(methods, str) else methods
        self.compression = plain_compression(compression)
        self.dataset_name = dataset_name
        self.footage = footage
        self.max_unusable_share = max_unusable_share
        self.leave_out_unsuited = leave_out_unsuited
        # If a pipeline returns None, MMEngine would take another video.
        kwargs.setdefault('max_refetch', 0)
        super().__init__(
            ann_file='',
            pipeline=pipeline,
            data_root=data_root,
            data_prefix=dict(),
            test_mode=test_mode,
            num_classes=len(LABEL_NAMES),
            **kwargs,
        )
        stream_frames(self.pipeline.transforms)

    @classmethod
    def check_data(cls, settings: Mapping[str, Any]) -> None:
        """Raise an error if the data of a dataset with these arguments is missing.

        Raises:
            DataNotFoundError: says where to get the data and how to prepare it.
        """
        root = settings['data_root']
        path = Path(root, settings.get('manifest', 'manifest.jsonl'))
        if path.is_file() or not settings.get('prepared_from'):
            return
        name, source = settings['prepared_from']
        layout = LAYOUTS[name]
        command = ['python', 'tools/prepare.py', name, source, '--out', str(root)]
        methods, level = settings.get('methods'), settings.get('compression')
        if level and layout.has_compressions:
            command += ['--compressions', level]
        if methods:
            command += ['--methods', *([methods] if type(methods) is str else methods)]
        raise DataNotFoundError(
            f'{layout.dataset_name or "your dataset"} is not prepared: no manifest '
            f'{str(path.absolute())!r}. Download the data and run\n'
            f'    {shlex.join(command)}\n'
            f'or set another prepared folder with --cfg-options data_root=OUT.\n'
            f'{layout.how_to_get}'
        )

    def list_records(self) -> list[VideoRecord]:
        """List the videos of the split, in any order."""
        self.check_data(vars(self))
        path = Path(self.data_root, self.manifest)
        everything = read_manifest(path)
        check_identities(
            everything,
            where=str(path),
            test_shows_known_persons=self.test_shows_known_persons,
        )
        records = [record for record in everything if record.split == self.split]
        for argument, field in (
            ('dataset_name', 'dataset'),
            ('compression', 'compression'),
        ):
            wanted = getattr(self, argument)
            if wanted is not None:
                found = {getattr(record.key, field) for record in records}
                self._check_found(argument, [wanted], found, where=path)
                records = [r for r in records if getattr(r.key, field) == wanted]
        return self._select_methods(records, where=path)

    def _select_methods(
        self, records: list[VideoRecord], *, where: Path | str
    ) -> list[VideoRecord]:
        if self.methods is None:
            return records
        found = {r.key.method for r in records if r.key.label == FAKE}
        self._check_found('methods', self.methods, found, where=where)
        wanted = {REAL_METHOD, *self.methods}
        return [record for record in records if record.key.method in wanted]

    def load_data_list(self) -> list[dict]:
        """List, check, balance and log the videos of the split."""
        listed = sorted(self.list_records(), key=lambda one: (one.key, one.track))
        records = self._select_tracks(listed)
        self._check_classes(records)
        root = Path(self.data_root)
        needs = Needs.of_pipeline(self.pipeline.transforms)
        reports = check_videos(
            [root / record.path for record in records], check=self.check_files
        )
        pairs = [
            (record, check_record(report, record, needs))
            for record, report in zip(records, reports, strict=True)
        ]
        usable = self._select_usable(pairs)
        if self.test_mode:
            self._metainfo[LEFT_OUT_VIDEOS] = list_left_out(pairs, usable)
        if self.real_fake_balance == 'repeat_real':
            usable = repeat_real(usable, [record.key.label for record, _ in usable])
        self._log_counts(records, [record for record, _ in usable])
        self._log_unscored(listed)
        return [make_item(root, record, report) for record, report in usable]

    def prepare_data(self, idx: int) -> Any:
        """Run the pipeline on an item; return a `BrokenSample` if `marks_broken`."""
        item = self.get_data_info(idx)
        if self.on_reading is not None:
            self.on_reading(idx)
        try:
            return self._read(dict(item))
        except Exception as error:
            broken = as_broken_sample(item, error)
            if broken is None:
                raise
            if self.marks_broken:
                return broken
            raise as_error(broken) from error
        finally:
            if self.on_reading is not None:
                self.on_reading(None)

    def get_cat_ids(self, idx: int) -> list[int]:
        """Return the label of an item, for MMEngine's `ClassBalancedDataset`."""
        return [self.get_data_info(idx)['label']]

    def _read(self, item: dict) -> Any:
        if item['track_file'] is not None:
            item['face_boxes'] = read_face_boxes(item)
        return self.pipeline(item)

    def _select_tracks(self, listed: Sequence[VideoRecord]) -> list[VideoRecord]:
        """Select the tracks that can be shown and were requested."""
        if self.test_mode:
            self._metainfo[UNSCORED_VIDEOS] = tuple(
                (record.key, record.status, record.identities)
                for record in listed
                if record.status != OK
            )
        return [
            record
            for record in listed
            if record.status == OK and (self.tracks == 'all' or record.track == 0)
        ]

    def _log_unscored(self, listed: Sequence[VideoRecord]) -> None:
        counts = Counter(record.status for record in listed)
        if not counts[NO_FACE] + counts[FAILED]:
            return
        fate = 'the metric scores them' if self.test_mode else 'skipped'
        MMLogger.get_current_instance().warning(
            f'{self._name()}: {counts[NO_FACE]} more videos without a face, '
            f'{counts[FAILED]} whose preparation failed; {fate}'
        )

    def _check_classes(
        self, records: Sequence[VideoRecord], *, because: str = ''
    ) -> None:
        labels = {record.key.label for record in records}
        # A test on one class is possible, though without AUC; training is not.
        if len(labels) == 2 or (labels and self.test_mode):
            return
        missing = ' and no '.join(
            name for label, name in enumerate(LABEL_NAMES) if label not in labels
        )
        if because:
            raise DataError(f'{because}\nNo {missing} videos left; needs both classes')
        raise DataNotFoundError(
            f'{self._name()}: no {missing} videos in '
            f'{os.path.abspath(self.data_root)!r}; needs both classes. Check the '
            'folder, `methods` and `compression`. Folders and lists without splits are '
            'prepared as test videos only: sort them into train, val and test, and '
            'prepare them again'
        )

    def _select_usable(self, pairs: CheckedVideos) -> CheckedVideos:
        """Skip unusable videos as far as the settings allow."""
        if self.leave_out_unsuited:
            pairs = self._skip(pairs, is_unsuited, 'leave_out_unsuited=True')
        unusable = [pair for pair in pairs if pair[1].problem]
        share = len(unusable) / len(pairs)
        limit = f'max_unusable_share={self.max_unusable_share}'
        if share > self.max_unusable_share:
            found = self._describe(unusable, len(pairs))
            kinds = {report.problem.kind for _, report in unusable}
            error = DataNotFoundError if kinds == {'missing'} else DataError
            raise error(f'{found}\nAllowed: {limit}. {suggest_repair(unusable, share)}')
        return self._skip(pairs, lambda report: report.problem is not None, limit)

    def _skip(
        self,
        pairs: CheckedVideos,
        is_skipped: Callable[[FileReport], bool],
        setting: str,
    ) -> CheckedVideos:
        skipped = [pair for pair in pairs if is_skipped(pair[1])]
        if not skipped:
            return pairs
        kept = [pair for pair in pairs if not is_skipped(pair[1])]
        found = (
            f'{self._describe(skipped, len(pairs))}\nSkipped by {setting}; '
            f'{len(kept) / len(pairs):.1%} of the videos are left.'
        )
        self._check_classes([record for record, _ in kept], because=found)
        MMLogger.get_current_instance().warning(found)
        return kept

    def _describe(self, unusable: CheckedVideos, num_all: int) -> str:
        return describe_unusable(
            unusable, num_all, owner=self._name(), root=self.data_root
        )

    def _log_counts(
        self, records: Sequence[VideoRecord], balanced: Sequence[VideoRecord]
    ) -> None:
        text = f'{self._name()}: {count_text(balanced)}'
        if len(balanced) != len(records):
            text += f' (as listed: {count_text(records)})'
        num_masks = sum(record.mask is not None for record in balanced)
        MMLogger.get_current_instance().info(f'{text}; masks for {num_masks}')

    def _name(self) -> str:
        return f'{type(self).__name__}, split {self.split!r}'

    def _check_found(
        self,
        argument: str,
        wanted: Sequence[str],
        found: set[str],
        *,
        where: Path | str,
    ) -> None:
        missing = [name for name in wanted if name not in found]
        if missing:
            raise ConfigError(
                f'{self._name()}: {argument}={list(wanted)!r}: {", ".join(missing)} '
                f'not found in {str(where)!r}; found {sorted(found)!r}. Set '
                f'`{argument}` to some of them, or to None for all'
            )
