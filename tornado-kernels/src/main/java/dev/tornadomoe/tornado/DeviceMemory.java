package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.backend.host.MemoryBudget;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.SessionMemory;
import dev.tornadomoe.plan.SessionMemory.Bytes;
import dev.tornadomoe.tornado.device.DeviceArrays;
import dev.tornadomoe.tornado.device.DeviceLimits;
import dev.tornadomoe.tornado.device.DeviceBudget;
import dev.tornadomoe.tornado.graph.FusedSteps;
import dev.tornadomoe.tornado.graph.Launch;
import dev.tornadomoe.tornado.graph.LayerArrays;
import dev.tornadomoe.tornado.weights.DeviceExperts;
import dev.tornadomoe.tornado.weights.DeviceLayer;
import dev.tornadomoe.tornado.weights.DeviceWeights;
import dev.tornadomoe.tornado.weights.LayerStorage;
import dev.tornadomoe.tornado.weights.MatrixPacking;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/// What a session on a device takes, from the plan alone.
///
/// Each session has weights of its own on the device: TornadoVM shares nothing between execution
/// plans. They are packed in host memory, which is given back when they are uploaded. The arrays of
/// each launch are there twice, on the device and on the host.
public final class DeviceMemory {
  private DeviceMemory() {}

  /// @throws dev.tornadomoe.MoeException for layers that the device can't hold
  static SessionMemory of(MoePlan plan, DeviceLimits device) {
    List<LayerStorage> storages = DeviceWeights.storages(plan, device);
    long weights = weights(plan, storages);
    LayerArrays.Sizes sizes = new LayerArrays.Sizes(0, 0);
    List<DeviceLayer> layers = new ArrayList<>();
    for (int i = 0; i < storages.size(); i++) {
      layers.add(described(plan.layers().get(i), storages.get(i)));
    }
    for (List<Integer> places : DeviceExecution.places(plan)) {
      for (Launch.Size size : Launch.sizes(plan)) {
        LayerArrays arrays = new LayerArrays();
        for (int place : places) {
          FusedSteps steps =
              new FusedSteps(
                  layers.get(place),
                  device.shape(),
                  size.maxTokens(),
                  size.bucket().stepsOf(place));
          arrays.ofLayer(size.bucket(), place, steps, size.maxTokens());
        }
        sizes = sizes.plus(arrays.sizes());
      }
    }
    Bytes rows = new Bytes(sizes.callers(), sizes.callers());
    return new SessionMemory(
        Bytes.ofDevice(weights),
        new Bytes(sizes.scratch(), sizes.scratch()),
        Bytes.NONE,
        rows,
        Bytes.NONE,
        weights);
  }

  /// Loads a plan's weights for graphs of a user, after checking that they fit. Their host memory
  /// goes when nothing refers to them.
  ///
  /// @param plan whose layers are loaded
  /// @param device the limits that the arrays must keep to
  /// @param progress hears how far loading is
  /// @return the weights on the host, in the device's layout
  /// @throws BackendException when they, or the plan's own arrays, fit neither host nor device
  public static DeviceWeights load(MoePlan plan, DeviceLimits device, Progress progress) {
    SessionMemory memory = of(plan, device);
    DeviceBudget.take(DeviceWeights.name(plan), memory.total().device(), device).close();
    MemoryBudget.require("the arrays that are uploaded to the device", memory.loadingBytes());
    return DeviceWeights.load(plan, device, progress, Arena.ofAuto());
  }

  /// Bytes of all layers' weights.
  static long weights(MoePlan plan, List<LayerStorage> storages) {
    long bytes = 0;
    for (int i = 0; i < storages.size(); i++) {
      bytes = Math.addExact(bytes, storages.get(i).bytes(plan.layers().get(i)));
    }
    return bytes;
  }

  /// A layer as it will be, without its weights.
  private static DeviceLayer described(MoeLayer layer, LayerStorage storage) {
    DeviceExperts none =
        new DeviceExperts(
            DeviceArrays.ints(1),
            MatrixPacking.none(storage.gateUp()),
            MatrixPacking.none(storage.down()),
            0,
            0);
    int parts = Math.ceilDiv(layer.experts().local().size(), storage.expertsPerPart());
    return new DeviceLayer(
        layer,
        null,
        0,
        DeviceArrays.floats(1),
        DeviceArrays.ints(1),
        Collections.nCopies(parts, none),
        storage.extra(),
        null);
  }
}
