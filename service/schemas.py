"""What the service answers, as JSON."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from wikiclip.regions.region import Rle


class CandidateOut(BaseModel):
    rank: int
    entity_id: str
    title: str
    text: Annotated[str, Field(description="The beginning of the entity's description.")]
    score: Annotated[float, Field(description="Cosine of mention and entity.")]
    url: str | None
    image: Annotated[str | None, Field(description="Where this server serves the entity's picture.")]
    attribution: str | None


class RegionOut(BaseModel):
    """A part of the picture, as `/link` takes it."""

    rle: Annotated[Rle, Field(description="COCO run-length encoding of the upright picture's size.")]
    box: Annotated[list[int], Field(description="[x, y, width, height] of the pixels inside.")]
    area: Annotated[float, Field(description="Share of the picture.")]


class ResultOut(BaseModel):
    confidence: Annotated[
        float | None,
        Field(
            description="How likely the first candidate is right, 0 to 1, told from the scores of the best ten;"
            " `min_score` does not change it. Null where the checkpoint was not calibrated, where the index holds"
            " fewer than ten entities, and where a cross-encoder chose the first."
        ),
    ]
    candidates: Annotated[list[CandidateOut], Field(description="Best first.")]
    region: Annotated[
        RegionOut | None,
        Field(
            description="What was found in the picture; null where the caller named the region, and for the whole"
            " picture beside what was found."
        ),
    ] = None


Total = Annotated[float, Field(description="From the last byte of the request to the answer.")]


class Timings(BaseModel):
    """Milliseconds. What was done for several requests at once counts in full for each."""

    decode: Annotated[float, Field(description="Body, picture and regions to encoder inputs.")]
    segment: Annotated[
        float | None, Field(description="Picture to masks; null where the caller named the regions.")
    ] = None
    wait: Annotated[float, Field(description="Waiting for the decoder and the encoder.")]
    encode: Annotated[float, Field(description="Encoder inputs to mention vectors.")]
    search: Annotated[float, Field(description="Mention vectors to candidates.")]
    rerank: Annotated[
        float | None,
        Field(description="Candidates to their order by a cross-encoder; null where there is none, or was no time."),
    ] = None
    total: Total


class LinkResponse(BaseModel):
    results: Annotated[
        list[ResultOut],
        Field(
            description="One for each region, in their order; of those that were found, the largest first, and the"
            " whole picture last where it was asked for."
        ),
    ]
    model: str
    index_version: str
    reranked: Annotated[
        bool,
        Field(
            description="Whether the first candidates are in the order of a cross-encoder. Where there is none, and"
            " where it could not be done before the deadline, all are in the order of their scores."
        ),
    ] = False
    timings_ms: Timings


class SegmentTimings(BaseModel):
    """Milliseconds."""

    decode: Annotated[float, Field(description="Body to picture.")]
    wait: Annotated[float, Field(description="Waiting for the decoder and the segmenter.")]
    segment: Annotated[float, Field(description="Picture to masks.")]
    total: Total


class SegmentResponse(BaseModel):
    regions: Annotated[
        list[RegionOut],
        Field(
            description="For a point those that may be meant, the likeliest first; one for a box; else what is"
            " proposed, largest first; some may lie in others."
        ),
    ]
    method: Annotated[str, Field(description="What found them.")]
    timings_ms: SegmentTimings


class EntityOut(BaseModel):
    entity_id: str
    title: str
    text: str
    url: str | None
    images: Annotated[list[str], Field(description="Where this server serves the entity's pictures.")]
    attribution: str | None
    aliases: Annotated[list[str], Field(description="Other names.")] = []
    tags: Annotated[list[str], Field(description="Words to filter by.")] = []
    lang: Annotated[str | None, Field(description="The language of title and text, as a tag of BCP 47.")] = None
    extra: Annotated[dict[str, Any] | None, Field(description="Whatever else the knowledge base says.")] = None


class MentionOut(BaseModel):
    frame: Annotated[list[float], Field(description="[x, y, width, height] of the grid; may reach beyond the picture.")]
    similarity: Annotated[
        list[list[float | None]],
        Field(description="Cosine of each patch with the entity, rows from the top; null outside of the mask."),
    ]


class EntityPictureOut(BaseModel):
    image: Annotated[str, Field(description="Where this server serves it.")]
    frame: Annotated[list[float], Field(description="[x, y, width, height] of the grid; may reach beyond the picture.")]
    attention: Annotated[
        list[list[float]],
        Field(description="How much of the description each patch took up, rows from the top; the sum is 1."),
    ]


class WordOut(BaseModel):
    word: str
    weight: float


class ExplanationOut(BaseModel):
    """What made the score of a mention with an entity."""

    entity: EntityOut
    score: Annotated[float, Field(description="Cosine of mention and entity, by the entity's first picture.")]
    mention: MentionOut
    picture: Annotated[
        EntityPictureOut | None, Field(description="Null for a record without one, or where no adaptor asks with it.")
    ]
    words: Annotated[
        list[WordOut],
        Field(description="The description, as far as the encoder reads it; the weights of all words add up to 1."),
    ]


class ExplainTimings(BaseModel):
    """Milliseconds."""

    decode: Annotated[float, Field(description="Body, pictures and region to encoder inputs.")]
    wait: Annotated[float, Field(description="Waiting for the decoder and the explainer.")]
    explain: Annotated[float, Field(description="Encoder inputs to the explanation.")]
    total: Total


class ExplainResponse(ExplanationOut):
    timings_ms: ExplainTimings


class EntitiesResponse(BaseModel):
    entities: Annotated[list[EntityOut], Field(description="In the order of their titles.")]
    count: Annotated[int, Field(description="How many there are, those before and after these included.")]
    next: Annotated[str | None, Field(description="What to send as `after` for what follows; null at the end.")]


class FoundIn(BaseModel):
    """An id, a title, another name or a part of a text, with the words that were looked for."""

    where: Literal["id", "title", "alias", "text"]
    pieces: Annotated[
        list[str],
        Field(description="What it says, cut up: the first piece was not looked for, the second was, and so in turn."),
    ]


class FoundEntityOut(EntityOut):
    found: Annotated[list[FoundIn], Field(description="Where the words are.")]


class FoundResponse(BaseModel):
    """Of a question with `q`."""

    entities: Annotated[
        list[FoundEntityOut],
        Field(description="Best first. There may be fewer than were asked for although more follow."),
    ]
    next: Annotated[str | None, Field(description="What to send as `after` for what follows; null at the end.")]


class TagOut(BaseModel):
    tag: str
    entities: Annotated[int, Field(description="How many have it.")]


class TagsResponse(BaseModel):
    tags: list[TagOut]
    count: Annotated[int, Field(description="How many tags there are, those before and after these included.")]
    next: Annotated[str | None, Field(description="What to send as `after` for what follows; null at the end.")]


class NeighboursResponse(BaseModel):
    candidates: Annotated[list[CandidateOut], Field(description="Nearest first.")]


class SceneRegionOut(BaseModel):
    """The true mask of a thing in a scene."""

    rle: Rle
    title: Annotated[str | None, Field(description="What the thing is.")]


class SceneOut(BaseModel):
    """A picture to try the service on."""

    name: str
    image: Annotated[str, Field(description="Where this server serves it.")]
    width: int
    height: int
    regions: list[SceneRegionOut]
    attribution: str


class ScenesResponse(BaseModel):
    scenes: list[SceneOut]


class JobOut(BaseModel):
    """A change that was accepted, and what became of it."""

    job_id: str
    state: Annotated[
        Literal["waiting", "done", "failed"], Field(description="Failed is what nothing of could be done.")
    ]
    accepted: Annotated[str, Field(description="When it was: from then on it is on the disk.")]
    caller: Annotated[str, Field(description="The name of the key that sent it.")]
    finished: Annotated[str | None, Field(description="When it was done, or had failed.")] = None
    index_version: Annotated[
        str | None,
        Field(description="The first index version that holds it; null until it is done."),
    ] = None
    asked: Annotated[int, Field(description="Records that it puts and removes, those at fault left out.")]
    put: Annotated[int, Field(description="Records of it that are new, or took the place of another.")] = 0
    removed: Annotated[int, Field(description="Records that are no more because of it.")] = 0
    faults: Annotated[list[str], Field(description="What of it could not be done, up to a hundred.")] = []
    more_faults: Annotated[int, Field(description="How many more faults there were.")] = 0
    kept_as_extra: Annotated[
        dict[str, int],
        Field(
            description="Keys that went to `extra`, the dozen that most records had, with how many had them: one of"
            " them may be a misspelt one."
        ),
    ] = {}


class JobsResponse(BaseModel):
    jobs: Annotated[list[JobOut], Field(description="The last one first.")]
    waiting: Annotated[int, Field(description="How many changes wait.")]
    trouble: Annotated[str | None, Field(description="Why none can be applied at present, where something is known.")]
    next: Annotated[str | None, Field(description="What to send as `before` for older ones; null at the end.")]


class FeedbackResponse(BaseModel):
    label_bytes: Annotated[int, Field(description="Of the file of labels, the new one with it.")]


class Health(BaseModel):
    status: str


class RefusedOut(BaseModel):
    """A version that is published and not served; the one before it goes on answering."""

    index_version: Annotated[str | None, Field(description="Its id; null where the index's folder cannot be read.")]


class RefusedWhyOut(RefusedOut):
    """The same for an admin: the reason may name files."""

    why: str


class Reloaded(BaseModel):
    index_version: Annotated[str, Field(description="The one that answers.")]
    refused: RefusedWhyOut | None


class RerankerOut(BaseModel):
    """What orders the first candidates anew."""

    model: Annotated[str, Field(description="As the setting names it.")]
    revision: Annotated[str | None, Field(description="The commit of its files; null for a folder.")]
    sha256: Annotated[str, Field(description="Of all its files together.")]
    k: Annotated[int, Field(description="Candidates of a mention that it looks at.")]
    where: Annotated[str, Field(description="On what it computes.")]


class Readiness(BaseModel):
    status: str
    model: str
    fingerprint: Annotated[str, Field(description="sha256 over the model's configuration and weights.")]
    index_version: str
    knowledge_base: Annotated[str, Field(description="Whose entities it holds, as `indexer.build --kb` names it.")]
    entities: int
    pictured: Annotated[int, Field(description="How many of them have a picture.")]
    sure: Annotated[float, Field(description="The confidence from which the page says that it knows; answers stay.")]
    feedback: Annotated[bool, Field(description="Whether `POST /feedback` keeps labels.")]
    encode: Annotated[str, Field(description="On what mentions are encoded, and why there.")]
    search: Annotated[str, Field(description="On what the index is searched, and why there.")]
    reranker: Annotated[RerankerOut | None, Field(description="Null where candidates are in the search's order.")]
    refused: RefusedOut | None
    keys: Annotated[
        str | None,
        Field(
            description="For an admin: why the file of keys cannot be read as it is, so that removed keys still work."
        ),
    ] = None


class FieldError(BaseModel):
    pointer: Annotated[str, Field(description="JSON pointer into the request's body.")]
    detail: str


class ProblemOut(BaseModel):
    """A problem document (RFC 9457)."""

    model_config = ConfigDict(title="Problem")

    type: Annotated[str, Field(description="Stable; tells the cause.")]
    title: str
    status: int
    detail: str
    errors: list[FieldError] | None = None
