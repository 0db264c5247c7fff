package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.backend.host.MemoryBudget;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.SessionMemory;
import dev.tornadomoe.plan.SessionMemory.Bytes;
import dev.tornadomoe.tornado.device.DeviceArrays;
import dev.tornadomoe.tornado.device.DeviceBudget;
import dev.tornadomoe.tornado.device.DeviceLimits;
import dev.tornadomoe.tornado.device.KernelShape;
import dev.tornadomoe.tornado.graph.Launch;
import dev.tornadomoe.tornado.graph.LaunchArrays;
import dev.tornadomoe.tornado.graph.LayerArrays;
import dev.tornadomoe.tornado.graph.SessionArrays;
import dev.tornadomoe.tornado.replay.StagingBuffer;
import dev.tornadomoe.tornado.weights.DeviceExperts;
import dev.tornadomoe.tornado.weights.DeviceLayer;
import dev.tornadomoe.tornado.weights.DeviceWeights;
import dev.tornadomoe.tornado.weights.LayerStorage;
import dev.tornadomoe.tornado.weights.MatrixPacking;
import dev.tornadomoe.tornado.weights.StreamedWeights;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// What a session on a device takes, from the plan alone.
///
/// Each session has its own weights on the device: TornadoVM shares nothing between execution
/// plans. They are packed in host memory, which is given back when they are uploaded. All other
/// arrays are there twice, on the device and on the host: scratch once for all launches and layers,
/// rows of the caller for each launch, which share what they have on the host. Weights that go up
/// with each call stay on the host, and are on the device as often as there are windows for them.
public final class DeviceMemory {
  /// What GPUs' drivers give large arrays multiples of (NVIDIA's: 24 arrays under a budget of 1 GiB
  /// took 23 MiB more than their bytes).
  private static final long GPU_PAGE = 2 << 20;

  private DeviceMemory() {}

  /// @throws dev.tornadomoe.MoeException for layers that the device can't hold
  static SessionMemory of(MoePlan plan, DeviceLimits device) {
    List<LayerStorage> storages = DeviceWeights.storages(plan, device);
    Map<Integer, Integer> windows = StreamedWeights.windows(plan, storages);
    IntPredicate isThere = index -> windows.getOrDefault(index, index) == index;
    long weights = weights(plan, storages, isThere);
    Bytes lasting =
        Bytes.ofHost(weights(plan, storages, windows::containsKey)); // goes up with each call
    long windowBytes = weights(plan, storages, windows::containsValue);
    List<DeviceLayer> layers = described(plan, storages);
    SessionArrays shared = new SessionArrays();
    long callers = callersBytes(plan, layers, device, shared);
    Bytes rows = new Bytes(shared.rowBytes(), callers);
    return new SessionMemory(
        new Bytes(windowBytes, weights + unusedOfPages(plan, storages, isThere, device))
            .plus(lasting),
        new Bytes(shared.bytes(), shared.bytes()),
        staging(plan, storages, windows, device),
        rows,
        lasting,
        weights - windowBytes);
  }

  /// What weights go through that go up with each call. NVIDIA's driver takes as much of the device
  /// for what is pinned.
  private static Bytes staging(
      MoePlan plan,
      List<LayerStorage> storages,
      Map<Integer, Integer> windows,
      DeviceLimits device) {
    long largest =
        windows.values().stream()
            .mapToLong(index -> storages.get(index).bytes(plan.layers().get(index)))
            .max()
            .orElse(0);
    long host = StagingBuffer.bytes(largest);
    boolean inPages = device.shape() == KernelShape.WORK_GROUPS;
    return new Bytes(host, inPages ? Math.ceilDiv(host, GPU_PAGE) * GPU_PAGE : host);
  }

  /// What the caller's rows of all launches take on the device.
  ///
  /// @param shared told what else they need
  /// @throws BackendException for arrays larger than the device's largest buffer
  private static long callersBytes(
      MoePlan plan, List<DeviceLayer> layers, DeviceLimits device, SessionArrays shared) {
    try {
      long bytes = 0;
      int largest = 0;
      for (Launch.Size size : Launch.sizes(plan)) {
        LayerArrays arrays = LaunchArrays.of(size, layers, device.shape(), shared).arrays();
        bytes += arrays.callersBytes();
        largest = Math.max(largest, arrays.largest());
      }
      if (Math.max(largest, shared.largest()) > device.mostElements()) {
        throw tooManyTokens(plan, device);
      }
      return bytes;
    } catch (ArithmeticException e) {
      throw tooManyTokens(plan, device); // more elements than an int counts
    }
  }

  private static BackendException tooManyTokens(MoePlan plan, DeviceLimits device) {
    return new BackendException(
        String.format(
            Locale.ROOT,
            "an array for %d tokens at once has more than the %d elements that the device's largest"
                + " buffer holds; plan with fewer of them: maxTokens or chunkTokens",
            plan.options().chunkTokens(),
            device.mostElements()));
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
    return load(plan, memory, device, progress);
  }

  /// The same, where the device has room for them.
  ///
  /// @param memory what they take
  static DeviceWeights load(
      MoePlan plan, SessionMemory memory, DeviceLimits device, Progress progress) {
    MemoryBudget.require("the arrays that are uploaded to the device", memory.loadingBytes());
    return DeviceWeights.load(plan, device, progress, Arena.ofAuto());
  }

  private static long unusedOfPages(
      MoePlan plan, List<LayerStorage> storages, IntPredicate isThere, DeviceLimits device) {
    return device.shape() == KernelShape.WORK_GROUPS
        ? IntStream.range(0, storages.size())
            .filter(isThere)
            .mapToLong(i -> storages.get(i).unusedOfPages(plan.layers().get(i), GPU_PAGE))
            .sum()
        : 0;
  }

  /// Bytes of some layers' weights.
  ///
  /// @param counts whether a layer does, by its index in the plan
  private static long weights(MoePlan plan, List<LayerStorage> storages, IntPredicate counts) {
    long bytes = 0;
    for (int i = 0; i < storages.size(); i++) {
      if (counts.test(i)) {
        bytes = Math.addExact(bytes, storages.get(i).bytes(plan.layers().get(i)));
      }
    }
    return bytes;
  }

  /// A plan's layers as they will be, without their weights.
  private static List<DeviceLayer> described(MoePlan plan, List<LayerStorage> storages) {
    IntArray ints = DeviceArrays.ints(1);
    FloatArray floats = DeviceArrays.floats(1);
    List<DeviceLayer> layers = new ArrayList<>();
    for (int i = 0; i < storages.size(); i++) {
      MoeLayer layer = plan.layers().get(i);
      LayerStorage storage = storages.get(i);
      DeviceExperts none =
          new DeviceExperts(
              ints,
              MatrixPacking.none(storage.gateUp(), ints, floats),
              MatrixPacking.none(storage.down(), ints, floats),
              0,
              0);
      int parts = Math.ceilDiv(layer.experts().local().size(), storage.expertsPerPart());
      Router router = layer.router();
      layers.add(
          new DeviceLayer(
              layer,
              null,
              router == null ? 0 : router.experts(),
              null,
              null,
              floats,
              ints,
              Map.of(),
              ints,
              Collections.nCopies(parts, none),
              storage.extra(),
              null,
              null,
              null));
    }
    return layers;
  }
}
