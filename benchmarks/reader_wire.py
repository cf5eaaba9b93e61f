"""Readers over HTTP: sixteen at once against the clock, and a judge of what the wire gives away."""

import http.client
import json
import os
import threading
import time

import numpy as np
from reader_clinic import Studio, make

from bonestudio.metrics.classification import delong


class Wire:
    """One reader's connection, kept open as a browser keeps it."""

    def __init__(self, studio: Studio, token: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", studio.port, timeout=60)
        self.base = f"/read/{token}"

    def get(self, path: str) -> tuple[list[tuple[str, str]], bytes]:
        """Return headers and body."""
        self.connection.request("GET", self.base + path)
        return self._whole()

    def answer(self, slot: str) -> dict:
        """Send an answer; return the next view."""
        body = {"slot": slot, "choice": "real", "confidence": 3, "milliseconds": 900}
        self.connection.request("POST", f"{self.base}/answer", json.dumps(body))
        return json.loads(self._whole()[1])

    def _whole(self) -> tuple[list[tuple[str, str]], bytes]:
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise OSError(body.decode())
        return answer.getheaders(), body


def load(studio: Studio, *, readers: int, answers: int, pause: float) -> None:
    """From the key press (the answer leaves) to the whole of the next image; a reader looks in between."""
    study = make("real-or-synthetic", enlarged=8).open(studio.store)  # 1024 × 1024, 1 MB
    tokens = [studio.store.enrol(study, f"reader {i}") for i in range(readers)]
    waits: list[float] = []
    errors: list[BaseException] = []

    def read(number: int) -> None:
        chance = np.random.default_rng(number)
        try:
            wire = Wire(studio, tokens[number])
            view = json.loads(wire.get("/view")[1])
            wire.get(f"/image/{view['slot']}/0")
            for _ in range(answers):
                time.sleep(
                    min(pause * chance.exponential(), 4)
                )  # the server closes idle lines after 5 s
                pressed = time.perf_counter()
                view = wire.answer(view["slot"])
                wire.get(f"/image/{view['slot']}/0")
                waits.append(time.perf_counter() - pressed)
        except (OSError, KeyError, http.client.HTTPException) as error:
            errors.append(error)

    threads = [threading.Thread(target=read, args=(i,)) for i in range(readers)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - start
    if errors:
        print("errors:", *map(repr, errors))
    p50, p95 = np.percentile(waits, [50, 95]) * 1000
    (summary,) = [one for one in studio.store.studies() if one.id == study]
    kept = [p.answered for p in summary.progress]
    print(
        f"{readers} readers, {answers} answers each, {pause:g} s mean pause: {seconds:.1f} s, errors {len(errors)}, "
        f"kept {sum(kept)} of {readers * answers}; key press to next image p50 {p50:.0f} ms, "
        f"p95 {p95:.0f} ms, longest {max(waits) * 1000:.0f} ms; "
        f"log {'verifies' if not studio.store.verify(study) else 'BROKEN'}; "
        f"load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores",
        flush=True,
    )


def wire(studio: Studio) -> None:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict

    made = make("real-or-synthetic")
    study = made.open(studio.store)
    truth = {item.key: item.truth for item in made.protocol.items}
    features, items = [], []
    for reader in range(4):
        line = Wire(studio, studio.store.enrol(study, f"reader {reader}"))
        view = json.loads(line.get("/view")[1])
        while view["slot"]:
            start = time.perf_counter()
            headers, body = line.get(f"/image/{view['slot']}/0")
            seconds = time.perf_counter() - start
            sent = [(k, v) for k, v in headers if k.lower() != "date"]
            features.append([seconds, len(body), len(sent), sum(len(k) + len(v) for k, v in sent)])
            start = time.perf_counter()
            view = line.answer(view["slot"])
            features[-1].append(time.perf_counter() - start)
    studio.store.unblind(study, reason="the wire was searched")
    rows = studio.store.reads(study)
    classes = np.array([truth[row["item"]] == "synthetic" for row in rows])
    items = np.array([row["item"] for row in rows])
    model = RandomForestClassifier(300, min_samples_leaf=5, random_state=0)
    # Each reader is judged by what was learnt from the others. Folds at random would mix reads of
    # one minute: classes are balanced in blocks, so a read's neighbours tend to the other class,
    # and whatever drifts with time (the load) would seem to say the opposite of the truth.
    readers = np.array([row["reader"] for row in rows])
    scores = cross_val_predict(
        model,
        np.array(features),
        classes,
        groups=readers,
        cv=LeaveOneGroupOut(),
        method="predict_proba",
    )
    auc = delong(scores[:, 1], classes)
    print(
        f"wire: {len(features)} images of {len(set(items))}, lengths {sorted({f[1] for f in features})}, "
        f"headers {sorted({(f[2], f[3]) for f in features})}; cross-validated AUC of bytes, headers and timing "
        f"{auc.value:.3f} ({auc.low:.3f} to {auc.high:.3f})",
        flush=True,
    )
