"""Mentions that nobody marked: what stands out in each picture of a folder, and the picture as a whole."""

from collections.abc import Callable, Iterator

from indexer.linker import Linker
from service.offline.mentions import Folder, Mention
from wikiclip.masks import encode_rle
from wikiclip.pictures import PictureError
from wikiclip.segmenters import MOST_PROPOSED, Segmenter


class Finding:
    """The regions that a segmenter proposes in each picture, the largest first, and then the whole picture.

    The whole comes last: a picture that has a row for it was done, and is not looked at again.

    Args:
        is_done: whether a mention of these ids, the annotation's and the picture's, has a row that holds no error.
    """

    def __init__(
        self, folder: Folder, linker: Linker, segmenter: Segmenter, *, is_done: Callable[[str, str], bool]
    ) -> None:
        self.folder, self._linker, self._segmenter, self._is_done = folder, linker, segmenter, is_done

    def __iter__(self) -> Iterator[Mention]:
        for whole in self.folder:
            if not self._is_done(whole.annotation_id, whole.image_id):
                yield from self._proposed(whole)
                yield whole

    def known(self) -> Iterator[Mention]:
        """Every mention that there may be, without a look at a picture: to hold rows that are there against."""
        for whole in self.folder:
            yield whole
            for number in range(1, MOST_PROPOSED + 1):
                yield Mention(_part(whole, number), whole.image_id, None, None)

    def _proposed(self, whole: Mention) -> Iterator[Mention]:
        assert whole.picture is not None
        side = self._segmenter.side
        try:
            picture = self._linker.read(whole.picture, fit=lambda width, height: max(width, height) / side)
        except PictureError:
            return  # which the row of the whole picture says
        masks = self._segmenter.segment(picture.rgb, None, size=picture.size)
        for number, mask in enumerate(masks, start=1):
            yield Mention(_part(whole, number), whole.image_id, whole.picture, encode_rle(mask), is_told=True)


def _part(whole: Mention, number: int) -> str:
    return f"{whole.annotation_id}#{number}"
