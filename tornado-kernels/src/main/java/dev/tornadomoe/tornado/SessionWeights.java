package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.backend.cpu.HostThreads;
import dev.tornadomoe.backend.host.Execution;
import dev.tornadomoe.backend.host.LoadedWeights;
import dev.tornadomoe.backend.host.WeightMemory;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.tornado.device.DeviceBudget;
import dev.tornadomoe.tornado.replay.FreeMemory;
import dev.tornadomoe.tornado.tuning.ChosenDevice;
import dev.tornadomoe.tornado.weights.DeviceWeights;
import dev.tornadomoe.tornado.weights.StreamedWeights;
import java.lang.foreign.Arena;
import java.lang.foreign.SegmentAllocator;
import org.jspecify.annotations.Nullable;

/// The weights of device sessions. Each session uploads its own copy, since TornadoVM shares
/// nothing between execution plans, and gives the host's copy back then: a fork loads them from the
/// checkpoint once more.
final class SessionWeights implements LoadedWeights {
  private final ChosenDevice device;
  private final WeightMemory memory;

  /// What the first session uploads, until then.
  private @Nullable Packed first;

  /// What goes up with each call, for all sessions.
  private final StreamedWeights streamed;

  private final SegmentAllocator lasting;
  private final HostThreads threads;

  /// Who hears how far compiling the first session's kernels is.
  private Progress progress;

  /// Weights in host memory, packed for the device.
  private record Packed(DeviceWeights weights, Arena arena) {}

  private SessionWeights(
      ChosenDevice device,
      SegmentAllocator lasting,
      HostThreads threads,
      Packed first,
      Progress progress) {
    this.device = device;
    this.lasting = lasting;
    this.threads = threads;
    this.memory = first.weights().memory();
    this.streamed = first.weights().streamed();
    this.first = first;
    this.progress = progress;
  }

  /// Loads them for the first session, where none go up with each call.
  ///
  /// @param loading hears how far that is
  /// @param compiling hears how far compiling the first session's kernels is
  static SessionWeights load(
      MoePlan plan, ChosenDevice device, Progress loading, Progress compiling) {
    return load(plan, device, Arena.ofAuto(), HostThreads.CALLING, loading, compiling);
  }

  /// Loads them for the first session.
  ///
  /// @param lasting has memory for what goes up with each call, until all sessions are closed
  /// @param threads that copy what goes up with each call
  /// @param loading hears how far that is
  /// @param compiling hears how far compiling the first session's kernels is
  static SessionWeights load(
      MoePlan plan,
      ChosenDevice device,
      SegmentAllocator lasting,
      HostThreads threads,
      Progress loading,
      Progress compiling) {
    Packed first = pack(plan, device, loading, lasting, StreamedWeights.NONE);
    return new SessionWeights(device, lasting, threads, first, compiling);
  }

  @SuppressWarnings("MustBeClosedChecker") // closed when they are uploaded
  private static Packed pack(
      MoePlan plan,
      ChosenDevice device,
      Progress progress,
      SegmentAllocator lasting,
      StreamedWeights known) {
    Arena arena = Arena.ofShared();
    try {
      return new Packed(
          DeviceWeights.load(plan, device.limits(), progress, arena, lasting, known), arena);
    } catch (RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }

  @Override
  public WeightMemory weightMemory() {
    return memory;
  }

  @Override
  public Execution prepare(MoePlan plan) {
    String name = DeviceWeights.name(plan);
    long bytes = DeviceMemory.of(plan, device.limits()).total().device();
    DeviceBudget room = DeviceBudget.take(name, bytes, device.limits());
    try {
      FreeMemory.require(name, bytes, device.device());
      Packed packed = packed(plan);
      try {
        Progress compiling = progress;
        progress = Progress.NONE;
        return new DeviceExecution(plan, device, packed.weights(), room, threads, compiling);
      } finally {
        packed.arena().close();
      }
    } catch (RuntimeException | Error e) {
      room.close();
      throw e;
    }
  }

  private synchronized Packed packed(MoePlan plan) {
    Packed loaded = first;
    first = null;
    return loaded == null ? pack(plan, device, Progress.NONE, lasting, streamed) : loaded;
  }

  @Override
  public synchronized void close() {
    if (first != null) {
      first.arena().close();
      first = null;
    }
  }
}
