"""A task file like MediaPipe's face_landmarker.task, made of the networks in its package.

The task's network gives 478 points where the package's plain one gives 468: ten of these are
given twice.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile

import numpy as np

MESH_VALUES, VALUES = 3 * 468, 3 * 478


def face_landmarker_task(folder: Path) -> Path:
    import mediapipe

    modules = Path(mediapipe.__file__).parent / "modules"
    detector = (modules / "face_detection/face_detection_short_range.tflite").read_bytes()
    mesh = (modules / "face_landmark/face_landmark.tflite").read_bytes()
    file = folder / "face_landmarker.task"
    with ZipFile(file, "w", ZIP_STORED) as task:
        task.writestr("face_detector.tflite", _described(detector, mean=127.5, std=127.5))
        task.writestr("face_landmarks_detector.tflite", _described(_longer(mesh), mean=0, std=255))
    return file


def _described(network: bytes, mean: float, std: float) -> bytes:
    """With what a task wants to know of the pictures that a network is given."""
    from mediapipe.tasks.python.metadata.metadata_writers.metadata_writer import MetadataWriter

    writer = MetadataWriter.create(bytearray(network))
    # It leaves its files open, and its folder.
    with warnings.catch_warnings(action="ignore", category=ResourceWarning), writer._temp_folder:
        writer.add_general_info("tiny", "")
        writer.add_image_input([float(mean)], [float(std)])
        return bytes(writer.populate()[0])


def _longer(network: bytes) -> bytes:
    import flatbuffers
    from mediapipe.tasks.metadata import schema_py_generated as tflite

    model = tflite.ModelT.InitFromObj(tflite.Model.GetRootAsModel(network, 0))
    graph = model.subgraphs[0]

    def tensor(name: str, shape: list[int], values: np.ndarray | None = None) -> int:
        buffer, made = tflite.BufferT(), tflite.TensorT()
        if values is not None:
            buffer.data = np.frombuffer(values.astype(np.int32).tobytes(), np.uint8)
        model.buffers.append(buffer)
        made.name, made.shape, made.buffer = name, shape, len(model.buffers) - 1
        made.type = tflite.TensorType.FLOAT32 if values is None else tflite.TensorType.INT32
        graph.tensors.append(made)
        return len(graph.tensors) - 1

    def step(name: str, given: list[int], made: int, **told: int) -> None:
        code, operator = tflite.OperatorCodeT(), tflite.OperatorT()
        code.deprecatedBuiltinCode = code.builtinCode = getattr(tflite.BuiltinOperator, name)
        code.version = 1
        model.operatorCodes.append(code)
        kind = f"{name.title()}Options"
        operator.opcodeIndex, operator.inputs, operator.outputs = (
            len(model.operatorCodes) - 1, given, [made],
        )  # fmt: skip
        operator.builtinOptionsType = getattr(tflite.BuiltinOptions, kind)
        operator.builtinOptions = getattr(tflite, f"{kind}T")()
        for option, value in told.items():
            setattr(operator.builtinOptions, option, value)
        graph.operators.append(operator)

    mesh, score = sorted(graph.outputs, key=lambda at: -graph.tensors[at].shape[-1])
    assert graph.tensors[mesh].shape[-1] == MESH_VALUES
    more = VALUES - MESH_VALUES
    begin = tensor("begin", [4], np.zeros(4))
    size = tensor("size", [4], np.array([1, 1, 1, more]))
    some, every = tensor("some", [1, 1, 1, more]), tensor("every", [1, 1, 1, VALUES])
    step("SLICE", [mesh, begin, size], some)
    step("CONCATENATION", [mesh, some], every, axis=3)
    graph.outputs = [every, score]
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())
