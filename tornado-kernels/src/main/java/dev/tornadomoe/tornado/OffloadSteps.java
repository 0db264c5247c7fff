package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.host.BufferRef;
import dev.tornadomoe.backend.host.HostStep;
import dev.tornadomoe.backend.host.StepCompiler;
import dev.tornadomoe.backend.host.StepContext;
import dev.tornadomoe.modular.DenseOperation;
import dev.tornadomoe.modular.ExpertOperation;
import dev.tornadomoe.modular.OffloadExperts;
import dev.tornadomoe.modular.OffloadOperation;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.ReduceOperation;
import dev.tornadomoe.modular.WeightOperation;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// One session's steps where some of the experts are on a device and the others on the host.
final class OffloadSteps implements StepCompiler {
  private final StepCompiler host;
  private final @Nullable OffloadCalls device;
  private final boolean sanitized;

  /// @param host for all other steps
  /// @param device for the experts that are there, or null for none; both are closed with this
  /// @param sanitized whether the plan's runs are watched
  OffloadSteps(StepCompiler host, @Nullable OffloadCalls device, boolean sanitized) {
    this.host = host;
    this.device = device;
    this.sanitized = sanitized;
  }

  /// The device's sums are added where it leaves them. A sanitised run watches all scratch in the
  /// workspace.
  @Override
  public boolean isInWorkspace(int layerIndex, Operand operand) {
    return sanitized || !ofDevice(operand);
  }

  private static boolean ofDevice(Operand operand) {
    return operand.equals(OffloadExperts.STREAMED_ROWS)
        || operand.equals(OffloadExperts.DEVICE_ROWS);
  }

  @Override
  public Optional<MemorySegment> ownMemory(int layerIndex, Operand operand, long bytes) {
    if (device == null || !ofDevice(operand)) {
      return Optional.empty();
    }
    return Optional.of(
        operand.equals(OffloadExperts.STREAMED_ROWS)
            ? device.streamed(bytes)
            : device.results(bytes));
  }

  @Override
  public HostStep compile(WeightOperation operation, StepContext context) {
    return switch (operation) {
      case OffloadOperation.Begin op -> begin(op, context);
      case OffloadOperation.Await op -> await(op, context);
      case OffloadOperation.Stream op -> stream(op, context);
      case DenseOperation op -> host.compile(op, context);
      case ExpertOperation op -> host.compile(op, context);
      case ReduceOperation op -> host.compile(op, context);
    };
  }

  private HostStep begin(OffloadOperation.Begin op, StepContext context) {
    OffloadCalls calls = device();
    int layer = context.layerIndex();
    BufferRef input = context.buffer(op.input());
    BufferRef ids = context.buffer(op.ids());
    BufferRef weights = context.bufferOrNull(op.weights());
    return tokens -> calls.begin(layer, tokens, input, ids, weights);
  }

  private HostStep await(OffloadOperation.Await op, StepContext context) {
    OffloadCalls calls = device();
    int layer = context.layerIndex();
    BufferRef target = context.buffer(op.target());
    return new HostStep() {
      @Override
      public void run(int tokens) {
        calls.await(layer, tokens, target);
      }

      @Override
      public long nanosBeside() {
        return calls.nanos();
      }
    };
  }

  private HostStep stream(OffloadOperation.Stream op, StepContext context) {
    OffloadCalls calls = device();
    int layer = context.layerIndex();
    BufferRef input = context.buffer(op.input());
    BufferRef ids = context.buffer(op.ids());
    BufferRef weights = context.bufferOrNull(op.weights());
    BufferRef target = context.buffer(op.target());
    BufferRef targetIds = context.buffer(op.targetIds());
    int some = context.layer().experts().map().globalOf(0);
    return new HostStep() {
      @Override
      public void run(int tokens) {
        calls.stream(layer, tokens, input, ids, weights, target);
        for (int token = 0; token < tokens; token++) {
          targetIds.setInt(token, some);
        }
      }

      @Override
      public long nanosBeside() {
        return calls.streamNanos();
      }
    };
  }

  private OffloadCalls device() {
    if (device == null) {
      throw new IllegalStateException("the plan uses a device that has nothing of it");
    }
    return device;
  }

  @Override
  public void close() {
    try (host;
        device) {
      // nothing else
    }
  }
}
