"""Event files against TensorBoard's own code (tensorboard 2.21).

  tensorboard_events.py record      writes golden/tensorboard_events.json: three records as TensorBoard's writer makes them
  tensorboard_events.py read RUN    prints what TensorBoard reads from a run's folder
"""
import io
import json
import os
import sys

from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.summary.writer.record_writer import RecordWriter


def record(event):
    out = io.BytesIO()
    RecordWriter(out).write(event.SerializeToString(deterministic=True))
    return out.getvalue().hex()


def scalars():
    summary = summary_pb2.Summary()
    summary.value.add(tag="train/loss", simple_value=2.3125)
    summary.value.add(tag="train/rewards/count/mean", simple_value=-1e-5)
    return event_pb2.Event(wall_time=1700000000.25, step=300, summary=summary)


def text():
    tensor = TensorProto(dtype="DT_STRING", string_val=["Grüße ✓".encode()],
                         tensor_shape=TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)]))
    metadata = summary_pb2.SummaryMetadata(
        plugin_data=summary_pb2.SummaryMetadata.PluginData(plugin_name="text"))
    summary = summary_pb2.Summary()
    summary.value.add(tag="batch", metadata=metadata, tensor=tensor)
    return event_pb2.Event(wall_time=1700000000.25, step=1, summary=summary)


if sys.argv[1] == "record":
    header = event_pb2.Event(wall_time=1700000000.25, file_version="brain.Event:2")
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tensorboard_events.json")
    with open(path, "w") as out:
        json.dump({"header": record(header), "scalars": record(scalars()), "text": record(text())}, out, indent=1)
        out.write("\n")
else:
    run = EventAccumulator(sys.argv[2])
    run.Reload()
    for tag in run.Tags()["scalars"]:
        print(tag, [(e.step, e.value) for e in run.Scalars(tag)])
    for tag in run.Tags()["tensors"]:
        print(tag, [(e.step, e.tensor_proto.string_val) for e in run.Tensors(tag)])
