"""Synthetic trees in the official layouts of datasets; the videos are empty files."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

# Of Celeb-DF: two people of training and two of validation.
CELEBS = ('id0', 'id1', 'id10', 'id12')


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding='utf-8')


def make_ffpp(root, method='FaceSwap', level='c23'):
    root = Path(root)
    for split, (a, b) in {
        'train': ('000', '001'),
        'val': ('002', '003'),
        'test': ('004', '005'),
    }.items():
        real = root / f'original_sequences/youtube/{level}/videos'
        fake = root / f'manipulated_sequences/{method}/{level}/videos'
        touch(real / f'{a}.mp4', real / f'{b}.mp4')
        touch(fake / f'{a}_{b}.mp4', fake / f'{b}_{a}.mp4')
        write(root / f'splits/{split}.json', json.dumps([[a, b]]))
    return root


def make_dfd(root, level='c23'):
    real = Path(root) / f'original_sequences/actors/{level}/videos'
    fake = Path(root) / f'manipulated_sequences/DeepFakeDetection/{level}/videos'
    touch(real / '24__outside_talking_still_laughing.mp4')
    touch(fake / '24_23__outside_talking_still_laughing__YR5OVD4S.mp4')
    return Path(root)


def make_celeb_df(root, inner=''):
    """Two clips per person, all swaps; the list has clip 1 of id0 and its fake."""
    root = Path(root)
    real, fake = root / 'Celeb-real' / inner, root / 'Celeb-synthesis' / inner
    for a in CELEBS:
        touch(*(real / f'{a}_000{clip}.mp4' for clip in (0, 1)))
        touch(
            *(
                fake / f'{a}_{b}_000{clip}.mp4'
                for b in CELEBS
                for clip in (0, 1)
                if b != a and (a in CELEBS[:2]) == (b in CELEBS[:2])
            )
        )
    touch(*(root / 'YouTube-real' / inner / f'{n:05d}.mp4' for n in range(40)))
    write(
        root / 'List_of_testing_videos.txt',
        '1 YouTube-real/00039.mp4\n1 Celeb-real/id0_0001.mp4\n'
        '0 Celeb-synthesis/id0_id1_0001.mp4\n',
    )
    return root


def make_celeb_df_pp(root, first='Celeb-DF-v2'):
    """Celeb-DF with two further methods of fakes; the list has fakes of all."""
    root = make_celeb_df(root)
    fakes = root / 'Celeb-synthesis'
    places = ('FaceReenact/LIA', 'TalkingFace/FLOAT', f'FaceSwap/{first}')
    for place in places:
        (fakes / place).mkdir(parents=True)
    for path in sorted(fakes.glob('*.mp4')):
        a, _, clip = path.stem.split('_')
        touch(fakes / places[0] / path.name)
        touch(fakes / places[1] / f'{a}_{clip}_test_0007.mp4')
        path.rename(fakes / places[2] / path.name)
    write(
        root / 'List_of_testing_videos.txt',
        '1 YouTube-real/00039.mp4\n1 Celeb-real/id0_0001.mp4\n'
        f'0 Celeb-synthesis/{places[0]}/id0_id1_0001.mp4\n'
        f'0 Celeb-synthesis/{places[1]}/id0_0001_test_0007.mp4\n'
        f'0 Celeb-synthesis/{places[2]}/id0_id1_0001.mp4\n',
    )
    return root


def make_fakeavceleb(root):
    """Two persons; the list repeats a line and has videos with fake sound alone."""
    root = Path(root)
    lines = ['source,target1,target2,method,category,type,race,gender,path,']
    for person, other in (('id00001', 'id00002'), ('id00002', 'id00001')):
        for kind, method, targets, name in (
            ('RealVideo-RealAudio', 'real', '-,-', '00109'),
            ('RealVideo-FakeAudio', 'rtvc', '-,-', '00109_fake'),
            ('FakeVideo-RealAudio', 'fsgan', f'{other},-', f'00109_{other}_x'),
            (
                'FakeVideo-FakeAudio',
                'wav2lip',
                f'{other},1',
                f'00109_1_{other}_wavtolip',
            ),
        ):
            folder = f'{kind}/Asian (East)/men/{person}'
            if kind != 'RealVideo-FakeAudio':
                touch(root / folder / f'{name}.mp4')
            lines.append(
                f'{person},{targets},{method},A,{kind},Asian (East),men,{name}.mp4,'
                f'FakeAVCeleb/{folder}'
            )
    write(root / 'meta_data.csv', '\n'.join([*lines, lines[-1]]))
    return root


def make_dfdc(root, parts=(0, 36)):
    root = Path(root)
    for part in parts:
        folder = root / f'dfdc_train_part_{part}'
        entries = {
            f'real{part}.mp4': {'label': 'REAL', 'split': 'train'},
            f'fake{part}.mp4': {
                'label': 'FAKE',
                'split': 'train',
                'original': f'real{part}.mp4',
            },
        }
        touch(*(folder / name for name in entries))
        write(folder / 'metadata.json', json.dumps(entries))
    touch(root / 'test/aaa.mp4', root / 'test/bbb.mp4')
    write(root / 'test/labels.csv', 'filename,label\naaa.mp4,0\nbbb.mp4,1\n')
    return root


def make_dfdc_preview(root, num_pairs=8):
    """Pairs of actors who are swapped with each other; the last pair is for testing."""
    root = Path(root)
    entries = {}
    for pair in range(num_pairs):
        people = (str(1000 + 2 * pair), str(1001 + 2 * pair))
        split = 'test' if pair == num_pairs - 1 else 'train'
        for a, b in (people, people[::-1]):
            places = {
                f'original_videos/{a}/{a}_A_001.mp4': 'real',
                f'method_A/{a}/{a}_A/{b}_{a}_A_001.mp4': 'fake',
                f'method_B/{a}/{a}_A/{b}_{a}_A_001.mp4': 'fake',
            }
            for place, label in places.items():
                touch(root / place)
                entries[place] = {'label': label, 'set': split}
    write(root / 'dataset.json', json.dumps(entries))
    return root


def make_wild_deepfake(root, num_archives=3, spaced=False):
    root = Path(root)
    for name in ('real_train', 'fake_train', 'real_test', 'fake_test'):
        folder = root / (name.replace('_', ' ') if spaced else name)
        for k in range(1, num_archives + 1):
            inner = 'real' if name.startswith('real') else 'fake'
            sequences = [f'{inner}/131'] + ['real/7'] * (
                name == 'fake_train' and k == 1
            )
            write_archive(
                folder / f'{k}.tar.gz',
                [f'./{k}/{s}/{n}.png' for s in sequences for n in (942, 1003, 99)],
            )
    return root


def write_archive(path, names):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, 'w:gz') as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            content = hashlib.sha256(name.encode()).digest() * 20
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def make_deeper_forensics(root):
    root = Path(root)
    names = {'train': '000_M101', 'val': '001_W017', 'test': '002_M030'}
    for split, name in names.items():
        touch(root / f'target_videos/{name[:3]}.mp4')
        for kind in ('end_to_end', 'end_to_end_level_1'):
            touch(root / f'manipulated_videos/{kind}/{name}.mp4')
        write(root / f'lists/splits/{split}.txt', f'{name}.mp4\n')
    return root


def make_folder(root, splits=('train', 'val', 'test')):
    for split in splits:
        base = Path(root) / split
        touch(base / 'real/a.mp4', base / 'fake/a.mp4', base / 'fake/FaceSwap/b.mp4')
    return Path(root)


def make_csv(root, text=None):
    root = Path(root)
    default = (
        'path,label,split,method,identity,partner\n'
        'batch 1/a.mp4,real,train,,anna,\n'
        'batch 1/b.mp4,fake,train,FaceSwap,anna;ben,batch 1/a\n'
        'c.mp4,real,test,,eva,\n'
        'd.mp4,FAKE,test,,eva,\n'
    )
    write(root / 'videos.csv', default if text is None else text)
    return root


TREES = {
    'ffpp': make_ffpp,
    'dfd': make_dfd,
    'celeb_df': make_celeb_df,
    'celeb_df_pp': make_celeb_df_pp,
    'fakeavceleb': make_fakeavceleb,
    'dfdc': make_dfdc,
    'dfdc_preview': make_dfdc_preview,
    'wild_deepfake': make_wild_deepfake,
    'deeper_forensics': make_deeper_forensics,
    'folder': make_folder,
    'csv': make_csv,
}
# The four classic manipulations are expected where none is named.
METHODS = {'ffpp': ['FaceSwap']}
