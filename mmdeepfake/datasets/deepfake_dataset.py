"""The dataset of real and forged videos, read from a manifest."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from mmaction.datasets import BaseActionDataset
from mmengine.logging import MMLogger

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
from mmdeepfake.structures.video_record import (
    LEFT_OUT_VIDEOS,
    SPLITS,
    UNSCORED_VIDEOS,
)

from .balance import BALANCES
from .file_check import CHECK_NAMES, check_videos
from .identities import check_identities
from .pipeline_needs import (
    CheckedVideos,
    Needs,
    check_needs,
    count_text,
    describe_unusable,
    is_unsuited,
    list_left_out,
    suggest_repair,
)
from .reading_faults import SkipRule, as_error, find_fault
from .video_item import check_length, make_item, read_face_boxes


@DATASETS.register_module()
class DeepfakeDataset(BaseActionDataset):
    """Videos that a manifest lists, each real (label 0) or fake (label 1).

    Subclasses list other layouts by overriding `list_records`; all take the same
    arguments, so a config that inherits another changes `type` and `data_root` and
    keeps the rest.

    On construction every listed video is checked: its file, that it holds a snippet of
    the pipeline's sampler, and that it has what else the pipeline reads, as landmarks.
    Videos that cannot be used stop the run with one message that counts and names them,
    unless they are at most `max_unusable_share` of all: then they are left out with a
    warning. `leave_out_unsuited` leaves out, however many they are, those whose files
    are sound but of no use to this pipeline. A test set names what was left out in its
    `metainfo`, under 'left_out_videos' as (key, kind of problem), and `DeepfakeMetric`
    tells the share of videos that its figures cover. Videos are sorted by key.

    Damage within a video shows only when it is read. Then the run stops with the key of
    the video, its file and what is wrong, or, with `on_error='skip'`, goes on without
    this video, whose place in the batch a `BrokenSample` takes: `BrokenSampleHook` says
    what becomes of it. No video is ever replaced by another.

    Videos in which no face was found, or which could not be prepared (see
    `VideoRecord.status`), have nothing to show to a model. Training leaves them out and
    logs how many they are; a test set names them in its `metainfo`, under
    'unscored_videos' as (key, status, identities), and `DeepfakeMetric` scores and
    counts them.

    One item, before the pipeline, has:
        filename: path of the video file; or, for a folder of frames, frame_dir,
            filename_tmpl and offset, as MMAction2's `RawFrameDecode` wants them.
        label, video_key, track, dataset, method, compression, video_name, identities.
        mask, landmarks, track_file: path, or None.
        total_frames, fps, face_boxes ((F, 4) or (1, 4) float32 pixels): where known.
            Boxes of a track file are added when the item enters the pipeline.

    Args:
        data_root: folder that the paths of the videos start from.
        split: 'train', 'val' or 'test'.
        pipeline: transforms of MMAction2 and ours.
        manifest: the manifest's path, relative to `data_root`. Used by this class only.
        prepared_from: SET and ROOT of the `tools/prepare.py` that writes the manifest,
            for the message where there is none; changes nothing else.
        methods: manipulations whose fakes are listed; None is every one there is (in
            `FaceForensics`, the four of the RATF paper). Real videos are always listed.
        compression: 'c0', 'c23', 'c40' or, for the same, 'raw', 'hq', 'lq'; None is
            every one there is.
        dataset_name: first part of the videos' keys. Here, where the manifest gives the
            keys, it selects the videos of that dataset; None is all of them.
        real_fake_balance: None lists each video once; 'repeat_real' lists real videos
            repeatedly until there are as many as fakes, see `balance.repeat_real`. For
            training only.
        max_unusable_share: share of the split's videos, 0 to 1, that may be unusable.
        leave_out_unsuited: leaves out videos that are too short for the pipeline, or
            lack a file that it needs, without counting them in that share.
        on_error: 'stop' or 'skip', see above; what is no fault of the video, as a
            mistake in a transform or a full disk, always stops.
        max_skipped_share: of the dataset's distinct videos, so many may be skipped,
            rounded up to a whole video, 0 to 1.
        max_skipped_count: and no more than so many, counted over the whole run.
        check_files: 'open' reads every file's header and index, 'stat' only sees that
            the files exist and are not empty.
        tracks: 'main' lists each video's main face, 'all' every face that was followed,
            of which `DeepfakeMetric` makes one score a video; for tests only, where
            'track' must be among the meta_keys of PackActionInputs.
        test_shows_known_persons: lets the manifest's test split show persons that its
            other splits show, and logs how many, as official splits may need it; if
            not, a person in two splits is an error. Used by this class only.
        test_mode: nothing random; set for validation and test.
        **kwargs: passed on to MMAction2's `BaseActionDataset`.
    """

    METAINFO: ClassVar[dict] = dict(classes=LABEL_NAMES)

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
        self.split = self._choose('split', split, SPLITS)
        self.check_files = self._choose('check_files', check_files, CHECK_NAMES)
        self.real_fake_balance = self._choose(
            'real_fake_balance', real_fake_balance, tuple(BALANCES)
        )
        self.tracks = self._choose('tracks', tracks, ('main', 'all'))
        if tracks == 'all' and not test_mode:
            raise self._config_error(
                "tracks='all' with test_mode=False; a fake video may show persons who "
                'were not changed, so only the main face carries its label in training'
            )
        if test_mode and real_fake_balance is not None:
            raise self._config_error(
                f'real_fake_balance={real_fake_balance!r} with test_mode=True; a video '
                'listed twice would count twice in the metrics, so it is for training '
                'only'
            )
        if not 0 <= max_unusable_share < 1:
            raise self._config_error(
                f'max_unusable_share={max_unusable_share!r}; allowed is 0 <= share < 1'
            )
        self.skip_rule = SkipRule(
            self._here(), on_error, max_skipped_share, max_skipped_count
        )
        self.marks_broken = False
        self.on_reading: Callable[[int | None], None] | None = None
        self.manifest = manifest
        self.prepared_from = prepared_from
        self.test_shows_known_persons = test_shows_known_persons
        self.methods = [methods] if isinstance(methods, str) else methods
        self.compression = plain_compression(compression)
        self.dataset_name = dataset_name
        self.max_unusable_share = max_unusable_share
        self.leave_out_unsuited = leave_out_unsuited
        # A pipeline that gives None would make MMEngine take another video instead.
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

    @classmethod
    def check_data(cls, settings: Mapping[str, Any]) -> None:
        """Refuse data that is not there, by a dataset's arguments.

        Raises:
            DataNotFoundError: with where to get it and how to prepare it.
        """
        root = settings['data_root']
        path = Path(root, settings.get('manifest', 'manifest.jsonl'))
        if path.is_file() or not settings.get('prepared_from'):
            return
        name, source = settings['prepared_from']
        layout = LAYOUTS[name]
        command = ['python', 'tools/prepare.py', name, source, str(root)]
        methods, level = settings.get('methods'), settings.get('compression')
        if level and layout.has_compressions:
            command += ['--compressions', level]
        if methods:
            command += ['--methods', *([methods] if type(methods) is str else methods)]
        raise DataNotFoundError(
            f'{layout.dataset_name or "your dataset"} is not prepared: no manifest '
            f'{str(path.absolute())!r}. Once you have the data, prepare it by\n'
            f'    {shlex.join(command)}\n'
            f'or name another prepared folder by --cfg-options data_root=OUT.\n'
            f'{layout.how_to_get}'
        )

    def list_records(self) -> list[VideoRecord]:
        """List the videos of the split as the manifest has them, in any order."""
        self.check_data(vars(self))
        path = Path(self.data_root, self.manifest)
        every = read_manifest(path)
        check_identities(
            every,
            where=str(path),
            test_shows_known_persons=self.test_shows_known_persons,
        )
        records = [record for record in every if record.split == self.split]
        for argument, asked, name_of in (
            ('dataset_name', self.dataset_name, lambda key: key.dataset),
            ('compression', self.compression, lambda key: key.compression),
        ):
            if asked is not None:
                found = sorted({name_of(record.key) for record in records})
                self._refuse_unknown(argument, [asked], found, where=path)
                records = [r for r in records if name_of(r.key) == asked]
        if self.methods is not None:
            fakes = {r.key.method for r in records if r.key.label == FAKE}
            self._refuse_unknown('methods', self.methods, sorted(fakes), where=path)
            wanted = {REAL_METHOD, *self.methods}
            records = [r for r in records if r.key.method in wanted]
        return records

    def load_data_list(self) -> list[dict]:
        """List, check, balance and log the videos of the split."""
        listed = sorted(self.list_records(), key=lambda one: (one.key, one.track))
        records = self._choose_tracks(listed)
        self._refuse_lack_of_videos(records)
        root = Path(self.data_root)
        needs = Needs.of_pipeline(self.pipeline.transforms)
        reports = check_videos(
            [root / record.path for record in records], check=self.check_files
        )
        pairs = [
            (record, check_needs(check_length(report, record), record, needs))
            for record, report in zip(records, reports, strict=True)
        ]
        usable = self._leave_out_unusable(self._leave_out_unsuited(pairs))
        if self.test_mode:
            self._metainfo[LEFT_OUT_VIDEOS] = list_left_out(pairs, usable)
        balanced = BALANCES[self.real_fake_balance](
            [(record.key.label, (record, report)) for record, report in usable]
        )
        self._log_counts(records, [record for record, _ in balanced])
        self._log_unscored(listed)
        return [make_item(root, record, report) for record, report in balanced]

    def prepare_data(self, idx: int) -> Any:
        """Show one item to the pipeline; only then its track file is read.

        Returns:
            What the pipeline gives, or a `BrokenSample`, see `mark_broken`.
        """
        item = self.get_data_info(idx)
        if self.on_reading is not None:
            self.on_reading(idx)
        try:
            return self._read(dict(item))
        except Exception as error:
            broken = find_fault(item, error)
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

    def mark_broken(self) -> None:
        """Give a `BrokenSample` for each broken video from now on.

        Whoever calls this collects them out of the batches, as `BrokenSampleHook` does
        where `on_error='skip'`. Until then a broken video is an error, never lost.
        """
        self.marks_broken = True

    def _read(self, item: dict) -> Any:
        if item['track_file'] is not None:
            item['face_boxes'] = read_face_boxes(item)
        return self.pipeline(item)

    def _choose_tracks(self, listed: Sequence[VideoRecord]) -> list[VideoRecord]:
        """Leave out what cannot be shown, and the faces that were not asked for."""
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
        fate = 'the metric scores them' if self.test_mode else 'they are left out'
        MMLogger.get_current_instance().warning(
            f'{self._here()}, split {self.split!r}: no face was found in '
            f'{counts[NO_FACE]} further videos, {counts[FAILED]} could not be '
            f'prepared; {fate}'
        )

    def _refuse_lack_of_videos(
        self, records: Sequence[VideoRecord], *, because: str = ''
    ) -> None:
        labels = {record.key.label for record in records}
        # A test on one class is possible, though its AUC is not; training is not.
        if not labels or (len(labels) < 2 and not self.test_mode):
            lacking = ' and no '.join(
                name for label, name in enumerate(LABEL_NAMES) if label not in labels
            )
            if because:
                raise DataError(
                    f'{because}\nNo {lacking} videos are left; both classes are needed'
                )
            raise DataNotFoundError(
                f'{self._here()}: no {lacking} videos of split {self.split!r} in '
                f'{os.path.abspath(self.data_root)!r}; both classes are needed. Look '
                'at the folder, and at `methods` and `compression` of the dataset. '
                'Folders and lists without splits are prepared as test videos alone: '
                'sort them into train, val and test, and prepare them again'
            )

    def _leave_out_unsuited(self, pairs: CheckedVideos) -> CheckedVideos:
        """Leave out sound videos that the pipeline cannot use, if so wished."""
        unsuited = [pair for pair in pairs if is_unsuited(pair[1])]
        if not (unsuited and self.leave_out_unsuited):
            return pairs
        suited = [pair for pair in pairs if not is_unsuited(pair[1])]
        found = self._describe(unsuited, len(pairs))
        found += f'\nThe pipeline can use {len(suited) / len(pairs):.1%} of the videos.'
        records = [record for record, _ in suited]
        self._refuse_lack_of_videos(records, because=found)
        MMLogger.get_current_instance().warning(found)
        return suited

    def _leave_out_unusable(self, pairs: CheckedVideos) -> CheckedVideos:
        unusable = [pair for pair in pairs if pair[1].problem]
        if not unusable:
            return pairs
        share = len(unusable) / len(pairs)
        found = self._describe(
            unusable,
            len(pairs),
            f'; allowed is max_unusable_share={self.max_unusable_share}',
        )
        if share <= self.max_unusable_share:
            MMLogger.get_current_instance().warning(f'{found}\nThey are left out.')
            usable = [pair for pair in pairs if not pair[1].problem]
            self._refuse_lack_of_videos([record for record, _ in usable])
            return usable
        kinds = {report.problem.kind for _, report in unusable}
        error = DataNotFoundError if kinds == {'missing'} else DataError
        raise error(f'{found}\n{suggest_repair(unusable, share)}')

    def _describe(
        self, unusable: CheckedVideos, num_all: int, allowed: str = ''
    ) -> str:
        return describe_unusable(
            unusable,
            num_all,
            whose=f'{self._here()}, split {self.split!r}',
            root=self.data_root,
            allowed=allowed,
        )

    def _log_counts(
        self, records: Sequence[VideoRecord], balanced: Sequence[VideoRecord]
    ) -> None:
        text = f'{self._here()}, split {self.split!r}: {count_text(balanced)}'
        if len(balanced) != len(records):
            text += f' (as listed: {count_text(records)})'
        num_masks = sum(record.mask is not None for record in balanced)
        MMLogger.get_current_instance().info(f'{text}; masks for {num_masks}')

    def _here(self) -> str:
        return type(self).__name__

    def _config_error(self, text: str) -> ConfigError:
        return ConfigError(f'{self._here()}: {text}')

    def _choose(self, name: str, value: Any, allowed: Sequence[Any]) -> Any:
        if value not in allowed:
            raise self._config_error(
                f'{name}={value!r}; allowed are {", ".join(map(repr, allowed))}'
            )
        return value

    def _refuse_unknown(
        self,
        argument: str,
        asked: Sequence[str],
        found: Sequence[str],
        *,
        where: Path | str,
    ) -> None:
        missing = [name for name in asked if name not in found]
        if missing:
            raise self._config_error(
                f'{argument}={list(asked)!r}: {", ".join(missing)} not found in '
                f'{str(where)!r}, split {self.split!r}; found are {list(found)!r}. Set '
                f'`{argument}` to some of them, or to None for all'
            )
