#!/usr/bin/env python3
"""Uses an image service as anyone would who has the official `openai` package: that package, unchanged, makes every call.

    openai_images.py BASE_URL API_KEY FOLDER [--size 128x128] [--model ID] [--refused PROMPT] [--timeout SECONDS]

BASE_URL ends with `/v1`. What is asked for is what OpenAI documents for the Images API, and nothing of the service's own; only the sizes
may be fewer. Every picture that arrives is kept in FOLDER for other judges: `NAME.png`, `.jpg`, `.webp`, with the previews of a
stream as `NAME.preview-N.png`. Answers are held against the package's own types, which it does not do by itself.

Three demands are of this judge: a stream of two previews has at least one (OpenAI may send none when it is quick), pixels outside the mask
stay as they were (OpenAI's newer models only try), and `response_format` and variations exist (OpenAI has retired them with its older
models; the package still has both).
"""

import argparse
import asyncio
import base64
import binascii
import io
import sys
import time
import urllib.request
import warnings
from pathlib import Path

import openai
from PIL import Image, ImageChops

# Variations are marked as old in the package.
warnings.simplefilter("ignore", DeprecationWarning)

POLICY = ("content_policy_violation", "moderation_blocked")
ENDINGS = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp"}
CHECKS = []


class Refused(Exception):
    """The service does not do what OpenAI documents."""


def need(holds, why):
    """Refuses, with the reason, unless it holds."""
    if not holds:
        raise Refused(why)


def check(what):
    """Adds a check, by its name."""
    def add(function):
        CHECKS.append((what, function))
        return function
    return add


def opened(data, kind="PNG", size=None):
    """The picture in these bytes, which must be whole, of that kind and of that size."""
    try:
        picture = Image.open(io.BytesIO(data))
        picture.load()
    except Exception as error:  # noqa: BLE001: Pillow has many
        raise Refused(f"{len(data)} bytes, beginning {data[:12]!r}, are no picture: {error}") from error
    need(picture.format == kind, f"a {picture.format}, not a {kind}")
    need(size is None or picture.size == size, f"{picture.size[0]}x{picture.size[1]}, not {size and f'{size[0]}x{size[1]}'}")
    need(picture.convert("RGB").getcolors(1) is None, "a picture of one colour only")
    return picture


def same(one, other):
    """Whether two pictures have the same pixels."""
    return one.size == other.size and ImageChops.difference(one.convert("RGB"), other.convert("RGB")).getbbox() is None


def png(picture):
    """A picture as the bytes of a PNG."""
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


class Judge:
    """What the checks share."""

    def __init__(self, arguments):
        self.base, self.key, self.timeout = arguments.base_url, arguments.api_key, arguments.timeout
        self.folder = Path(arguments.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.size = arguments.size
        width, height = (int(n) for n in self.size.split("x"))
        self.pixels = (width, height)
        self.refused = arguments.refused
        self.model = arguments.model
        self.kept = 0
        self.client = self.connect(openai.OpenAI)
        self.source = None

    def connect(self, kind, **more):
        """A client. A failure is to be seen, so nothing is tried twice; every answer is held against the types."""
        settings = {"api_key": self.key, "max_retries": 0, "_strict_response_validation": True, **more}
        return kind(base_url=self.base, timeout=self.timeout, **settings)

    def keep(self, name, data, kind="PNG"):
        """Puts a picture into the folder."""
        (self.folder / f"{name}.{ENDINGS[kind]}").write_bytes(data)
        self.kept += 1

    def decoded(self, name, text, kind="PNG", size=...):
        """The picture in base64 text, kept under that name."""
        need(isinstance(text, str) and text, "no b64_json")
        try:
            data = base64.b64decode(text, validate=True)
        except binascii.Error as error:
            raise Refused(f"b64_json is not plain base64: {error}") from error
        picture = opened(data, kind, self.pixels if size is ... else size)
        self.keep(name, data, kind)
        return picture

    def answered(self, name, answer, count=1, kind="PNG", size=...):
        """The pictures of an answer; what it says of them must be so."""
        need(isinstance(answer, openai.types.ImagesResponse), f"a {type(answer).__name__}, not an ImagesResponse")
        need(answer.created > 0, "created is no time")
        need(answer.data is not None and len(answer.data) == count, f"{len(answer.data or [])} pictures, not {count}")
        pictures = []
        for n, item in enumerate(answer.data):
            need(item.url is None, "both a url and b64_json")
            pictures.append(self.decoded(name if count == 1 else f"{name}-{n}", item.b64_json, kind, size))
        said = {"PNG": "png", "JPEG": "jpeg", "WEBP": "webp"}[kind]
        need(answer.output_format in (None, said), f"output_format says {answer.output_format}, the picture is {said}")
        shape = "{}x{}".format(*pictures[0].size)
        need(answer.size in (None, shape), f"size says {answer.size}, the picture is {shape}")
        if answer.usage is not None:
            use = answer.usage
            need(use.total_tokens == use.input_tokens + use.output_tokens, "usage.total_tokens is not the sum")
        return pictures

    def asked(self):
        """A picture by the service itself, to change and to vary."""
        if self.source is None:
            self.source = self.answered("source", self.client.images.generate(model=self.model, prompt="a green leaf", size=self.size))[0]
        return self.source

    def mask(self, size=None):
        """Opaque, but for a rectangle in the middle, which is what may change."""
        width, height = size or self.pixels
        mask = Image.new("RGBA", (width, height), (0, 0, 0, 255))
        mask.paste((0, 0, 0, 0), (width // 4, height // 4, width - width // 4, height - height // 4))
        return mask

    def only_inside(self, source, edited):
        """Refuses when a pixel outside the mask is another, or none inside is."""
        outside = self.mask().getchannel("A")
        changed = ImageChops.difference(source.convert("RGB"), edited.convert("RGB"))
        black = Image.new("RGB", changed.size)
        beyond = Image.composite(changed, black, outside)
        worst = max(high for _, high in beyond.getextrema())
        need(beyond.getbbox() is None, f"pixels outside the mask are changed, by up to {worst}, within {beyond.getbbox()}")
        need(Image.composite(black, changed, outside).getbbox() is not None, "nothing inside the mask is changed")

    def streamed(self, name, events, about, kind="PNG"):
        """The last picture of a stream with up to two previews; its events must be whole and in order."""
        begun, seen, last = time.monotonic(), [], None
        said = "jpeg" if kind == "JPEG" else "png"
        for event in events:
            need(last is None, f"{event.type} came after the end")
            need(event.type in (f"{about}.partial_image", f"{about}.completed"), f"an event of type {event.type}")
            need(event.created_at > 0, f"created_at of {event.type} is no time")
            need(event.output_format == said, f"output_format of {event.type} says {event.output_format}")
            need(event.size in (self.size, "auto"), f"size of {event.type} says {event.size}")
            if event.type.endswith(".completed"):
                last = self.decoded(name, event.b64_json, kind)
                need(event.usage.total_tokens == event.usage.input_tokens + event.usage.output_tokens, "usage.total_tokens is not the sum")
            else:
                need(event.partial_image_index == len(seen), f"partial_image_index is {event.partial_image_index}, not {len(seen)}")
                # A preview may be smaller.
                self.decoded(f"{name}.preview-{len(seen)}", event.b64_json, kind, size=None)
                seen.append(time.monotonic() - begun)
        need(last is not None, f"the stream ended without {about}.completed, after {len(seen)} previews")
        return last, seen

    def fails(self, call, kinds, param=..., codes=None):
        """The error of a call that must fail in one of these ways, with OpenAI's four fields."""
        try:
            call(self.client)
        except openai.APIStatusError as error:
            wanted = " or ".join(kind.__name__ for kind in kinds)
            said = f"{type(error).__name__} {error.status_code}, code {error.code!r}, param {error.param!r}"
            need(type(error) in kinds, f"{said}, not {wanted}: {error}")
            need(isinstance(error.body, dict), f"the error is not in OpenAI's shape, but {error.body!r}")
            missing = {"message", "type", "param", "code"} - set(error.body)
            need(not missing, f"the error has no {sorted(missing)}, but {sorted(error.body)}")
            need(isinstance(error.body["message"], str) and error.body["message"], "the error has no words")
            need(isinstance(error.type, str) and error.type, "the error has no type")
            need(param is ... or error.param == param, f"{said}, where param should be {param!r}: {error}")
            need(codes is None or error.code in codes, f"{said}, where code should be one of {codes}: {error}")
            return error
        raise Refused("was not refused")

    def bad(self, param, **more):
        """A request for a picture that must be refused for that parameter."""
        request = {"model": self.model, "prompt": "a red apple", "size": self.size, **more}
        error = self.fails(lambda c: c.images.generate(**request), [openai.BadRequestError], param)
        return f"code {error.code}"

    def bad_edit(self, **more):
        """An edit that must be refused."""
        return lambda c: c.images.edit(model=self.model, prompt="a red flower", size=self.size, **more)


# ---- models ----


@check("models.list has a model")
def _(judge):
    page = judge.client.models.list()
    models = list(page)
    need(page.object == "list", f"object is {page.object!r}, not 'list'")
    need(models, "there is none")
    need(all(m.id and m.object == "model" and m.created > 0 and m.owned_by for m in models), "a field is empty")
    need(len({m.id for m in models}) == len(models), "an id is there twice")
    need(judge.model is None or judge.model in [m.id for m in models], f"{judge.model} is not among {[m.id for m in models]}")
    judge.model = judge.model or models[0].id
    return f"{len(models)}, used here: {judge.model}"


@check("models.retrieve gives each as it is listed")
def _(judge):
    for listed in judge.client.models.list():
        need(judge.client.models.retrieve(listed.id) == listed, f"{listed.id} is another than in the list")


@check("models.retrieve of an unknown model is a NotFoundError")
def _(judge):
    error = judge.fails(lambda c: c.models.retrieve("no-such-model"), [openai.NotFoundError])
    return f"code {error.code}"


# ---- new pictures ----


@check("images.generate gives a PNG of the size")
def _(judge):
    answer = judge.client.images.generate(model=judge.model, prompt="a red apple", size=judge.size)
    judge.answered("generate", answer)


@check("images.generate, n=2, gives two different pictures")
def _(judge):
    answer = judge.client.images.generate(model=judge.model, prompt="a red apple", size=judge.size, n=2)
    one, other = judge.answered("two", answer, count=2)
    need(not same(one, other), "both have the same pixels")


@check("images.generate without a size gives a picture")
def _(judge):
    picture = judge.answered("plain", judge.client.images.generate(model=judge.model, prompt="a red apple"), size=None)[0]
    return "{}x{}".format(*picture.size)


@check("null for what may be null is as if it were not there")
def _(judge):
    nothing = dict.fromkeys(("n", "quality", "background", "output_format", "output_compression", "partial_images", "stream", "moderation"))
    judge.answered("nulls", judge.client.images.generate(model=judge.model, prompt="a red apple", size=judge.size, **nothing))


@check("images.generate, response_format=url, gives a URL of a PNG")
def _(judge):
    answer = judge.client.images.generate(model=judge.model, prompt="a red apple", size=judge.size, response_format="url")
    need(answer.data and len(answer.data) == 1, "not one picture")
    need(answer.data[0].url and answer.data[0].b64_json is None, "not a url alone")
    # As a browser fetches it: the key is not sent.
    with urllib.request.urlopen(answer.data[0].url, timeout=judge.timeout) as fetched:
        kind, data = fetched.headers.get_content_type(), fetched.read()
    need(kind == "image/png", f"served as {kind}")
    opened(data, size=judge.pixels)
    judge.keep("url", data)


@check("images.generate, output_format=jpeg")
def _(judge):
    answer = judge.client.images.generate(
        model=judge.model, prompt="a red apple", size=judge.size, output_format="jpeg", output_compression=90)
    judge.answered("jpeg", answer, kind="JPEG")


@check("images.generate, output_format=webp, with every other parameter")
def _(judge):
    answer = judge.client.images.generate(
        model=judge.model, prompt="a red apple", size=judge.size, output_format="webp", output_compression=80, background="opaque",
        moderation="auto", quality="low", n=1, user="judge", stream=False)
    judge.answered("webp", answer, kind="WEBP")


@check("with_raw_response: status, headers, and the same answer")
def _(judge):
    raw = judge.client.images.with_raw_response.generate(model=judge.model, prompt="a red apple", size=judge.size)
    need(raw.status_code == 200, f"status {raw.status_code}")
    need(raw.headers.get("content-type", "").split(";")[0] == "application/json", f"content-type {raw.headers.get('content-type')}")
    need(raw.request_id, "no x-request-id")
    answer = raw.parse()
    need(answer._request_id == raw.request_id, "the parsed answer has another request id")
    judge.answered("raw", answer)


# ---- streams ----


@check("images.generate, stream, 2 previews: in order, counted from 0, completed last")
def _(judge):
    with judge.client.images.generate(model=judge.model, prompt="a red apple", size=judge.size, stream=True, partial_images=2) as events:
        _, seen = judge.streamed("stream", events, "image_generation")
    need(1 <= len(seen) <= 2, f"{len(seen)} previews, not 1 or 2")
    return f"{len(seen)} previews, the first after {seen[0]:.1f} s"


@check("images.generate, stream, 0 previews, into JPEG: completed alone")
def _(judge):
    events = judge.client.images.generate(
        model=judge.model, prompt="a red apple", size=judge.size, stream=True, partial_images=0, output_format="jpeg")
    need(events.response.headers.get("content-type", "").split(";")[0] == "text/event-stream", "not a text/event-stream")
    _, seen = judge.streamed("stream-bare", events, "image_generation", "JPEG")
    need(not seen, f"{len(seen)} previews")


# ---- edits and variations ----


@check("images.edit with a mask changes what is transparent in it, and no pixel else")
def _(judge):
    source = judge.asked()
    answer = judge.client.images.edit(
        model=judge.model, image=judge.folder / "source.png", mask=("mask.png", png(judge.mask()), "image/png"), prompt="a red flower",
        size=judge.size)
    judge.only_inside(source, judge.answered("edit", answer)[0])


@check("images.edit, n=2, gives two different pictures")
def _(judge):
    source = judge.asked()
    answer = judge.client.images.edit(
        model=judge.model, image=("source.png", png(source), "image/png"), mask=("mask.png", png(judge.mask()), "image/png"),
        prompt="a red flower", size=judge.size, n=2, response_format="b64_json")
    pictures = judge.answered("edit-two", answer, count=2)
    need(not same(*pictures), "both have the same pixels")
    for picture in pictures:
        judge.only_inside(source, picture)


@check("images.edit of a list of pictures, without a mask, from WebP")
def _(judge):
    source = io.BytesIO()
    judge.asked().convert("RGB").save(source, "WEBP", lossless=True)
    answer = judge.client.images.edit(
        model=judge.model, image=[("source.webp", source.getvalue(), "image/webp")], prompt="a red flower", size=judge.size)
    need(not same(judge.answered("edit-list", answer)[0], judge.asked()), "the picture is unchanged")


@check("images.edit, stream, 2 previews: in order, completed last, and no pixel outside the mask")
def _(judge):
    source = judge.asked()
    events = judge.client.images.edit(
        model=judge.model, image=("source.png", png(source), "image/png"), mask=("mask.png", png(judge.mask()), "image/png"),
        prompt="a red flower", size=judge.size, stream=True, partial_images=2)
    edited, seen = judge.streamed("edit-stream", events, "image_edit")
    need(1 <= len(seen) <= 2, f"{len(seen)} previews, not 1 or 2")
    judge.only_inside(source, edited)
    return f"{len(seen)} previews"


@check("images.create_variation, n=2, gives two different pictures")
def _(judge):
    source = judge.asked()
    answer = judge.client.images.create_variation(
        model=judge.model, image=("source.png", png(source), "image/png"), n=2, size=judge.size, response_format="b64_json")
    one, other = judge.answered("variation", answer, count=2)
    need(not same(one, other), "both have the same pixels")
    need(not same(one, source) and not same(other, source), "one is the picture itself")


# ---- what must be refused ----


@check("refused: an empty prompt")
def _(judge):
    return judge.bad("prompt", prompt="")


@check("refused: n=0")
def _(judge):
    return judge.bad("n", n=0)


@check("refused: n=11")
def _(judge):
    return judge.bad("n", n=11)


@check("refused: a size that is none")
def _(judge):
    return judge.bad("size", size="large")


@check("refused: a size that no model has")
def _(judge):
    return judge.bad("size", size="7x100000")


@check("refused: an unknown output_format, quality, partial_images, output_compression")
def _(judge):
    judge.bad("output_format", output_format="tiff")
    judge.bad("quality", quality="splendid")
    judge.bad("partial_images", partial_images=4, stream=True)
    judge.bad("output_compression", output_compression=101, output_format="jpeg")


@check("refused: an unknown model")
def _(judge):
    request = {"model": "no-such-model", "prompt": "a red apple", "size": judge.size}
    # OpenAI says 400 here, as of a wrong value, and 404 of its other endpoints.
    error = judge.fails(lambda c: c.images.generate(**request), [openai.BadRequestError, openai.NotFoundError])
    need(error.param == "model" or error.code == "model_not_found", f"neither param nor code speak of the model: {error.body}")
    return f"{type(error).__name__}, code {error.code}"


@check("refused: a wrong key, AuthenticationError everywhere")
def _(judge):
    wrong = judge.connect(openai.OpenAI, api_key="sk-wrong-0123456789abcdef0123456789abcdef")
    picture = ("source.png", png(judge.mask()), "image/png")
    for call in (
        lambda _: wrong.images.generate(model=judge.model, prompt="a red apple", size=judge.size),
        lambda _: list(wrong.images.generate(model=judge.model, prompt="a red apple", size=judge.size, stream=True)),
        lambda _: wrong.images.edit(model=judge.model, image=picture, prompt="a red apple", size=judge.size),
        lambda _: wrong.images.create_variation(image=picture, size=judge.size),
        lambda _: wrong.models.list(),
    ):
        error = judge.fails(call, [openai.AuthenticationError], codes=("invalid_api_key",))
        need("0123456789abcdef" not in str(error), "the key is repeated in the answer")


@check("refused: a mask of another size")
def _(judge):
    width, height = judge.pixels
    image, mask = ("source.png", png(judge.asked()), "image/png"), ("mask.png", png(judge.mask((width // 2, height))), "image/png")
    return f"code {judge.fails(judge.bad_edit(image=image, mask=mask), [openai.BadRequestError], 'mask').code}"


@check("refused: a mask that is no picture")
def _(judge):
    image, mask = ("source.png", png(judge.asked()), "image/png"), ("mask.png", b"not a picture", "image/png")
    return f"code {judge.fails(judge.bad_edit(image=image, mask=mask), [openai.BadRequestError], 'mask').code}"


@check("refused: an edit and a variation of what is no picture")
def _(judge):
    image = ("source.png", b"not a picture", "image/png")
    for call in (judge.bad_edit(image=image), lambda c: c.images.create_variation(image=image, size=judge.size)):
        error = judge.fails(call, [openai.BadRequestError])
        need(not error.param or error.param.startswith("image"), f"param is {error.param!r}, which is not the picture")
    return f"code {error.code}"


def policy(judge, call):
    """A refusal for what was asked."""
    error = judge.fails(call, [openai.BadRequestError], codes=POLICY)
    need(error.request_id, "no x-request-id with the refusal")
    details = error.body.get("moderation_details")
    if details is not None:
        need(details.get("moderation_stage") in ("input", "output", "unknown"), f"moderation_stage {details.get('moderation_stage')!r}")
        need(isinstance(details.get("categories"), list), "moderation_details has no categories")
    return f"code {error.code}, type {error.type}"


@check("refused: a prompt against the policy")
def _(judge):
    return policy(judge, lambda c: c.images.generate(model=judge.model, prompt=judge.refused, size=judge.size))


@check("refused: the same as a stream, before it begins")
def _(judge):
    return policy(judge, lambda c: list(c.images.generate(model=judge.model, prompt=judge.refused, size=judge.size, stream=True)))


@check("refused: the same as an edit")
def _(judge):
    image = ("source.png", png(judge.asked()), "image/png")
    return policy(judge, lambda c: c.images.edit(model=judge.model, image=image, prompt=judge.refused, size=judge.size))


# ---- many at once ----


@check("AsyncOpenAI, as it comes, 3 at once and a stream beside them")
def _(judge):
    async def one(client, prompt):
        return await client.images.generate(model=judge.model, prompt=prompt, size=judge.size)

    async def stream(client):
        events = await client.images.generate(model=judge.model, prompt="a tree", size=judge.size, stream=True, partial_images=1)
        return [event async for event in events]

    async def all_at_once():
        # As it comes: it asks again when it is told that there are too many.
        async with openai.AsyncOpenAI(base_url=judge.base, api_key=judge.key) as client:
            prompts = ("a red apple", "a blue bird", "a green leaf")
            return await asyncio.gather(*(one(client, p) for p in prompts), stream(client))

    *answers, events = asyncio.run(all_at_once())
    pictures = [judge.answered(f"async-{n}", answer)[0] for n, answer in enumerate(answers)]
    need(not any(same(pictures[a], pictures[b]) for a, b in ((0, 1), (0, 2), (1, 2))), "two have the same pixels")
    judge.streamed("async-stream", events, "image_generation")


def reason(error):
    """Why a check failed, in one line."""
    if isinstance(error, Refused):
        return " ".join(str(error).split())
    # Which field is wrong is told by the error beneath; the answer itself may be long.
    said = str(error.__cause__ or "") if isinstance(error, openai.APIResponseValidationError) else f"{getattr(error, 'body', None) or ''}"
    return f"{type(error).__name__}: {' '.join(f'{error} {said}'.split())[:600]}"


def main():
    """0 all is as documented, 1 something is not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base_url")
    parser.add_argument("api_key")
    parser.add_argument("folder")
    parser.add_argument("--size", default="128x128")
    parser.add_argument("--model", help="the first of the list, when not said")
    parser.add_argument("--refused", default="a castle in the style of Greg Rutkowski", help="a prompt that the service's policy refuses")
    parser.add_argument("--timeout", type=float, default=300)
    judge = Judge(parser.parse_args())
    failed = 0
    for what, function in CHECKS:
        begun = time.monotonic()
        try:
            note = function(judge)
            print(f"ok    {what}{f': {note}' if note else ''} ({time.monotonic() - begun:.1f} s)", flush=True)
        except Exception as error:  # noqa: BLE001: whatever the package throws is the answer to the check
            failed += 1
            print(f"FAIL  {what}: {reason(error)}", flush=True)
    if failed:
        print(f"{failed} of {len(CHECKS)} checks failed")
        sys.exit(1)
    print(f"= {len(CHECKS)} checks with openai {openai.__version__}, {judge.kept} pictures kept")


if __name__ == "__main__":
    main()
