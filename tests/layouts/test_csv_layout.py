import pytest
from layout_trees import make_csv, touch, write

from mmdeepfake.errors import ConfigError, DataError, DataNotFoundError
from mmdeepfake.files.csv_text import parse_columns
from mmdeepfake.layouts import LAYOUTS, CsvLayout
from mmdeepfake.layouts.csv_list import COLUMNS
from mmdeepfake.structures import VideoKey


def list_videos(root, **options):
    return LAYOUTS['csv'].list_videos(root, **options)


def test_line_describes_a_video_in_full(tmp_path):
    text = (
        'path,label,split,method,compression,identity,source,name,partner,mask\n'
        'a.mp4,0,val,,c40,anna,,A,,\n'
        'ü/b 1.mp4,Fake,val,FaceSwap,c40,anna; ben,A;B,,A,m/b.mp4\n'
    )
    real, fake = list_videos(make_csv(tmp_path / 'mine', text))
    assert real.key == VideoKey('mine', 0, 'real', 'c40', 'A')
    assert fake.key == VideoKey('mine', 1, 'FaceSwap', 'c40', 'ü/b 1')
    assert fake.path == tmp_path / 'mine/ü/b 1.mp4'
    assert fake.mask == tmp_path / 'mine/m/b.mp4'
    assert (fake.identities, fake.sources) == (('anna', 'ben'), ('A', 'B'))
    assert (fake.partner, fake.split) == (real.key, 'val')


def test_only_path_and_label_are_needed(tmp_path):
    text = 'label,path\nreal,a.mp4\nfake,b.mp4\n'
    videos = list_videos(make_csv(tmp_path / 'mine', text))
    assert [tuple(v.key)[1:] for v in videos] == [
        (0, 'real', 'as_is', 'a'),
        (1, 'fake', 'as_is', 'b'),
    ]
    assert {v.split for v in videos} == {'test'}


def test_root_may_be_the_file(tmp_path):
    root = make_csv(tmp_path)
    videos = list_videos(root / 'videos.csv')
    assert [video.path for video in videos] == [v.path for v in list_videos(root)]
    assert {video.key.dataset for video in videos} == {'videos'}


def test_several_files_are_refused(tmp_path):
    root = make_csv(tmp_path)
    touch(root / 'more.csv')
    with pytest.raises(DataNotFoundError, match=r"'more\.csv', 'videos\.csv'"):
        list_videos(root)


def test_a_byte_order_mark_is_skipped(tmp_path):
    (tmp_path / 'v.csv').write_text(
        'path,label\na.mp4,real\nb.mp4,fake\n', encoding='utf-8-sig'
    )
    assert len(list_videos(tmp_path)) == 2


@pytest.mark.parametrize('sign', ',;\t')
@pytest.mark.parametrize('end', ['\n', '\r\n'])
def test_columns_may_be_separated_as_spreadsheets_do(tmp_path, sign, end):
    rows = [
        ['path', 'label', 'split', 'identity'],
        ['a#1.mp4', 'real', 'train', '"an;na"'],
        ['"b,\n;\t"" .mp4"', 'fake', 'val', ''],
    ]
    (tmp_path / 'v.csv').write_bytes(end.join(map(sign.join, rows)).encode('utf-8-sig'))
    real, fake = list_videos(tmp_path)
    assert (real.path.name, real.split) == ('a#1.mp4', 'train')
    assert real.identities == ('an', 'na')
    assert (fake.path.name, fake.split) == ('b,\n;\t" .mp4', 'val')


def test_line_that_is_not_csv_is_named(tmp_path):
    text = 'path,label\na.mp4,real\n"b.mp4,fake\n'
    with pytest.raises(DataError, match='after line 2'):
        list_videos(make_csv(tmp_path, text))


def test_list_without_splits_is_logged(tmp_path, caplog):
    list_videos(make_csv(tmp_path / 'a'))
    assert not caplog.text
    list_videos(make_csv(tmp_path / 'b', 'path,label\na.mp4,real\nb.mp4,fake\n'))
    assert 'all its videos (2) are for test' in caplog.text


def test_every_invalid_line_is_named(tmp_path):
    text = (
        'path,label,split,method,identity,partner\n'
        'a.mp4,real,train,,,\n'
        'b.mp4,maybe,train,,,\n'
        'c.mp4,fake,dev,,,\n'
        '/d.mp4,fake,train,,,\n'
        'e.mp4,real,train,FaceSwap,,\n'
        'f.mp4,fake,train,real,,\n'
        'a.mp4,real,test,,,\n'
        ',real,test,,,\n'
        'g.mp4,real,test\n'
        'h.mp4,fake,train,,,nobody\n'
        'i.mp4,real,train,,,a\n'
    )
    with pytest.raises(DataError) as error:
        list_videos(make_csv(tmp_path, text))
    lines = str(error.value).splitlines()
    assert '10 invalid lines' in lines[0]
    assert [line.split(':')[0].strip() for line in lines[1:]] == [
        f'line {n}' for n in (3, 4, 5, 6, 7, 8, 9, 10, 12, 11)
    ]
    for line, expected in zip(
        lines[1:],
        (
            "label='maybe'",
            "split='dev'",
            "path='/d.mp4'",
            "label='real' and method='FaceSwap'",
            "label='fake' and method='real'",
            'line 2',
            "path=''",
            'more or fewer fields',
            "partner='a'",
            "partner 'nobody'",
        ),
        strict=True,
    ):
        assert expected in line


def test_many_invalid_lines_are_counted(tmp_path):
    text = 'path,label\n' + 'a.mp4,x\n' * 30
    with pytest.raises(DataError, match=r'30 invalid lines(.|\n)*and 10 more'):
        list_videos(make_csv(tmp_path, text))


@pytest.mark.parametrize(
    'header', ['path', 'path,label,lable', 'path,path,label', 'a.mp4,real', '']
)
def test_columns_are_checked(tmp_path, header):
    with pytest.raises(DataError, match='line 1: the columns'):
        list_videos(make_csv(tmp_path, f'{header}\n'))


def test_person_in_two_splits_is_refused(tmp_path):
    text = 'path,label,split,identity\na.mp4,real,train,eva\nb.mp4,fake,test,eva\n'
    with pytest.raises(DataError, match="'eva' in train and test"):
        list_videos(make_csv(tmp_path, text))


def test_methods_and_levels_can_be_chosen(tmp_path):
    text = (
        'path,label,method,compression\n'
        'a.mp4,real,,c23\nb.mp4,fake,X,c23\nc.mp4,fake,Y,c23\nd.mp4,fake,Y,c40\n'
    )
    root = make_csv(tmp_path, text)
    chosen = list_videos(root, methods=['Y'], compressions=['c23'])
    assert [video.key.name for video in chosen] == ['a', 'c']
    with pytest.raises(ConfigError, match=r"compressions=\['c17'\] .* c23, c40"):
        list_videos(root, compressions=['c17'])


def test_binary_file_is_refused(tmp_path):
    (tmp_path / 'v.csv').write_bytes(b'path,label\n\xff\xfe,real\n')
    with pytest.raises(DataError, match='line 2 is not UTF-8'):
        list_videos(tmp_path)


def test_long_value_is_shown_cut_with_an_ellipsis(tmp_path):
    path = f'/{"a" * 70}.mp4'
    with pytest.raises(DataError, match=f"path='{path[:60]}'\\.\\.\\.;"):
        list_videos(make_csv(tmp_path, f'path,label\n{path},real\n'))


def test_missing_file_is_listed(tmp_path):
    assert not list_videos(make_csv(tmp_path))[0].path.exists()


def test_empty_list_is_refused(tmp_path):
    write(tmp_path / 'v.csv', 'path,label\n')
    with pytest.raises(DataNotFoundError, match='no videos'):
        list_videos(tmp_path)


@pytest.mark.parametrize(
    'text',
    [
        'path,file,is_fake,split,score\nx,a.mp4,0,train,1\ny,b.mp4,1,val,2\n',
        'is_fake;split;file\nFalse;train;a.mp4\nTrue;val;b.mp4\n',
    ],
)
def test_columns_of_other_names_are_mapped(tmp_path, caplog, text):
    columns = parse_columns(['path=file', 'label=is_fake'], COLUMNS)
    real, fake = CsvLayout(columns).list_videos(make_csv(tmp_path, text))
    assert [(v.path.name, v.key.label, v.split) for v in (real, fake)] == [
        ('a.mp4', 0, 'train'),
        ('b.mp4', 1, 'val'),
    ]
    assert ('skipped the columns score' in caplog.text) == ('score' in text)


@pytest.mark.parametrize(
    ('pairs', 'problem'),
    [
        (['path'], 'path: expected FIELD=COLUMN'),
        (['lable=is_fake'], 'lable=is_fake: .*fields are path, label'),
        (['path=a', 'path=b'], 'path=b: path=a is given too'),
        (['path=a', 'label=a'], 'label=a: path=a is given too'),
    ],
)
def test_wrong_mapping_of_columns_is_refused(pairs, problem):
    with pytest.raises(ConfigError, match=problem):
        parse_columns(pairs, COLUMNS)


@pytest.mark.parametrize(
    ('text', 'problem'),
    [
        ('file,label\na.mp4,real\n', "0 columns are named 'is_fake'"),
        ('file,is_fake,is_fake\na.mp4,0,1\n', "2 columns are named 'is_fake'"),
        ('file,is_fake\na.mp4,real\nb.mp4,maybe\n', "line 3: label='maybe'"),
        ('file,is_fake,split,split\na.mp4,0,val,val\n', 'each once'),
    ],
)
def test_mapped_column_is_checked(tmp_path, text, problem):
    columns = {'path': 'file', 'label': 'is_fake'}
    with pytest.raises(DataError, match=problem):
        CsvLayout(columns).list_videos(make_csv(tmp_path, text))
