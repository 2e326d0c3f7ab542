"""Where a snippet may start, found by trying every start."""


def allowed_starts(num_frames, num_snippets, span):
    """List, for each segment, the starts before they are moved into the video.

    Those whose snippet lies in the segment or, where there are none, covers it.
    """
    starts = []
    for segment in range(num_snippets):
        low = segment * num_frames // num_snippets
        high = (segment + 1) * num_frames // num_snippets
        inside, covering = [], []
        for start in range(-span, num_frames + 1):
            if start >= low and start + span <= high:
                inside.append(start)
            if start <= low and start + span >= high:
                covering.append(start)
        starts.append(inside or covering)
    return starts


def move_into_video(start, num_frames, span):
    while start < 0:
        start += 1
    while start + span > num_frames:
        start -= 1
    return start
