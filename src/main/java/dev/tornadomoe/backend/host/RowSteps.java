package dev.tornadomoe.backend.host;

import dev.tornadomoe.layer.ExpertMap;
import dev.tornadomoe.modular.CustomOperation;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.Operation;
import dev.tornadomoe.modular.RouteOperation;
import dev.tornadomoe.modular.RowOperation;
import dev.tornadomoe.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The operations that move rows and indices and need no weights: the same on every host backend.
final class RowSteps {
  private RowSteps() {}

  /// Compiles one of them, or returns null for an operation that needs weights.
  ///
  /// @param expertRows what the experts get in this call
  static @Nullable HostStep compile(
      Operation operation, StepContext context, ExpertRows expertRows) {
    int hidden = context.layer().hidden();
    ExpertMap map = context.experts();
    return switch (operation) {
      case RowOperation.Copy copy ->
          copy(context.buffer(copy.source()), context.buffer(copy.target()), hidden);
      case RowOperation.Add add ->
          add(context.buffer(add.target()), context.buffer(add.addend()), hidden);
      case RowOperation.Zero zero -> zero(context.buffer(zero.target()), hidden);
      case RowOperation.WeightInput weigh ->
          weightInput(
              context.buffer(weigh.input()),
              context.buffer(weigh.weights()),
              context.buffer(weigh.target()),
              hidden);
      case RowOperation.IdentityExperts identities ->
          new IdentityStep(
              context.layer(),
              context.buffer(identities.input()),
              context.buffer(identities.ids()),
              context.buffer(identities.weights()),
              context.buffer(identities.target()));
      case RouteOperation.SelectExperts select ->
          new SelectStep(
              context,
              context.buffer(select.logits()),
              context.buffer(select.ids()),
              context.buffer(select.weights()));
      case RouteOperation.GroupByExpert group ->
          new GroupStep(
              context.layer().topK(),
              map,
              context.buffer(group.ids()),
              context.buffer(group.order()),
              context.buffer(group.offsets()));
      case RouteOperation.Dispatch dispatch ->
          new DispatchStep(
              hidden,
              context.layer().topK(),
              context.maxTokens(),
              map,
              context.buffer(dispatch.input()),
              context.buffer(dispatch.ids()),
              context.buffer(dispatch.batched()),
              context.buffer(dispatch.counts()),
              context.buffer(dispatch.rows()));
      case CustomOperation custom -> custom(custom, context, expertRows);
      default -> null;
    };
  }

  private static HostStep copy(BufferRef source, BufferRef target, int hidden) {
    if (source.dtype() == DType.F32 && target.dtype() == DType.F32) {
      return tokens -> {
        for (int row = 0; row < tokens; row++) {
          MemorySegment.copy(
              source.segment(),
              source.offset(row),
              target.segment(),
              target.offset(row),
              (long) hidden * Float.BYTES);
        }
      };
    }
    return tokens -> {
      for (int row = 0; row < tokens; row++) {
        for (int column = 0; column < hidden; column++) {
          target.setFloat(row, column, source.getFloat(row, column));
        }
      }
    };
  }

  private static HostStep add(BufferRef target, BufferRef addend, int hidden) {
    return tokens -> {
      for (int row = 0; row < tokens; row++) {
        for (int column = 0; column < hidden; column++) {
          target.setFloat(row, column, target.getFloat(row, column) + addend.getFloat(row, column));
        }
      }
    };
  }

  private static HostStep zero(BufferRef target, int hidden) {
    return tokens -> {
      for (int row = 0; row < tokens; row++) {
        for (int column = 0; column < hidden; column++) {
          target.setFloat(row, column, 0);
        }
      }
    };
  }

  private static HostStep weightInput(
      BufferRef input, BufferRef weights, BufferRef target, int hidden) {
    return tokens -> {
      for (int row = 0; row < tokens; row++) {
        float weight = weights.getFloat(row, 0);
        for (int column = 0; column < hidden; column++) {
          target.setFloat(row, column, weight * input.getFloat(row, column));
        }
      }
    };
  }

  private static HostStep custom(
      CustomOperation custom, StepContext context, ExpertRows expertRows) {
    Map<Operand, BufferRef> refs = new HashMap<>();
    custom.accesses().forEach(a -> refs.put(a.operand(), context.buffer(a.operand())));
    CustomMemory memory = new CustomMemory(custom.name(), refs, expertRows);
    return tokens -> custom.function().run(memory, tokens);
  }

  /// What a custom step sees of the memory: what it declared, and no byte beyond.
  private record CustomMemory(String step, Map<Operand, BufferRef> refs, ExpertRows expertRows)
      implements CustomOperation.OperandMemory {

    @Override
    public MemorySegment of(Operand operand) {
      BufferRef ref = ref(operand);
      MemorySegment rest = ref.segment().asSlice(ref.offset());
      return rest.asSlice(0, Math.min(rest.byteSize(), ref.buffer().bytes()));
    }

    @Override
    public long rowStride(Operand operand) {
      return ref(operand).buffer().rowStride();
    }

    @Override
    public void handOver(int rows) {
      expertRows.set(rows);
    }

    private BufferRef ref(Operand operand) {
      BufferRef ref = refs.get(operand);
      if (ref == null) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT, "step \"%s\" did not declare that it uses %s", step, operand));
      }
      return ref;
    }
  }
}
