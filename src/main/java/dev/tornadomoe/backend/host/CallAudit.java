package dev.tornadomoe.backend.host;

import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.SanitizeException;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.plan.CallSpec;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Residual;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// Watches the caller's memory during a sanitised run: the output is poisoned and must be written
/// completely and nowhere else, inputs must stay as they were, and an unaliased run on copies must
/// give the same bits.
final class CallAudit {
  private final MoePlan plan;
  private final CallSpec spec;
  private final Supplier<Session> shadowMaker;
  private @Nullable Session shadow;

  /// @param shadowMaker makes the session that runs without aliases
  CallAudit(MoePlan plan, Supplier<Session> shadowMaker) {
    this.plan = plan;
    this.spec = plan.options().call();
    this.shadowMaker = shadowMaker;
  }

  /// Runs a call and checks what it did.
  ///
  /// @param run what runs it
  void run(MoeCall call, Consumer<MoeCall> run) {
    MemorySegment output = present(call.output());
    Map<String, MemorySegment> inputs = inputs(call);
    Map<String, MemorySegment> before = new LinkedHashMap<>();
    inputs.forEach((name, segment) -> before.put(name, copyOf(segment)));
    MemorySegment outputBefore = copyOf(output);
    boolean outputIsInput = spec.inPlace() || spec.residual() == Residual.IN_OUTPUT;
    if (!outputIsInput) {
      forEachElement(call, (row, column, at) -> Poison.set(output, at, spec.outputType()));
    }

    run.accept(call);

    inputs.forEach((name, segment) -> requireSame(call, name, segment, before.get(name)));
    if (!outputIsInput) {
      forEachElement(call, (row, column, at) -> requireWritten(call, row, column, at));
    }
    requireGapsUntouched(call, output, outputBefore);
    MemorySegment hiddenBefore = spec.inPlace() ? outputBefore : before.get("hidden");
    compareWithShadow(call, present(hiddenBefore), outputBefore, output);
  }

  private Map<String, MemorySegment> inputs(MoeCall call) {
    Map<String, MemorySegment> inputs = new LinkedHashMap<>();
    if (!spec.inPlace()) {
      inputs.put("hidden", present(call.hidden()));
    }
    putIfPresent(inputs, "residual", call.residual());
    putIfPresent(inputs, "topk_ids", call.topkIds());
    putIfPresent(inputs, "topk_weights", call.topkWeights());
    return inputs;
  }

  private static void putIfPresent(
      Map<String, MemorySegment> map, String name, @Nullable MemorySegment segment) {
    if (segment != null) {
      map.put(name, segment);
    }
  }

  private static MemorySegment present(@Nullable MemorySegment segment) {
    if (segment == null) {
      throw new IllegalStateException("calls are checked before they are audited");
    }
    return segment;
  }

  private static MemorySegment copyOf(MemorySegment segment) {
    return MemorySegment.ofArray(segment.toArray(ValueLayout.JAVA_BYTE));
  }

  private int layerIndex(MoeCall call) {
    return plan.layers().get(call.layer()).index();
  }

  private void requireSame(
      MoeCall call, String name, MemorySegment segment, @Nullable MemorySegment before) {
    long at = segment.mismatch(present(before));
    if (at >= 0) {
      throw new SanitizeException(
          "sanitize: layer %d changed the caller's %s at byte %d"
              .formatted(layerIndex(call), name, at));
    }
  }

  private void requireWritten(MoeCall call, int row, int column, long at) {
    if (Poison.isSet(present(call.output()), at, spec.outputType())) {
      throw new SanitizeException(
          "sanitize: OUTPUT_NOT_WRITTEN: layer %d, experts \"%s\": row %d, column %d of the output is unwritten, or made from uninitialised memory"
              .formatted(
                  layerIndex(call), plan.pieces(call.layer()).experts().name(), row, column));
    }
  }

  /// What stands between the rows of a strided output belongs to somebody else.
  private void requireGapsUntouched(
      MoeCall call, MemorySegment output, MemorySegment outputBefore) {
    long rowBytes = (long) plan.layers().get(call.layer()).hidden() * spec.outputType().bytes();
    long stride = (long) spec.outputStride() * spec.outputType().bytes();
    for (int row = 0; row < call.tokens() && stride > rowBytes; row++) {
      long from = row * stride + rowBytes;
      long to = Math.min((row + 1) * stride, output.byteSize());
      if (from < to && MemorySegment.mismatch(output, from, to, outputBefore, from, to) >= 0) {
        throw new SanitizeException(
            "sanitize: layer %d wrote behind row %d of the output, between its rows"
                .formatted(layerIndex(call), row));
      }
    }
  }

  private void compareWithShadow(
      MoeCall call, MemorySegment shadowHidden, MemorySegment shadowOutput, MemorySegment output) {
    if (shadow == null) {
      shadow = shadowMaker.get();
    }
    MoeCall again =
        new MoeCall().layer(call.layer()).hidden(shadowHidden, call.tokens()).output(shadowOutput);
    if (call.residual() != null) {
      again.residual(call.residual());
    }
    if (call.topkIds() != null) {
      again.routing(call.topkIds(), present(call.topkWeights()));
    }
    shadow.run(again);
    long at = output.mismatch(shadowOutput);
    if (at >= 0) {
      throw new SanitizeException(
          "sanitize: layer %d gives another result with the output alias than without, from byte %d of the output"
              .formatted(layerIndex(call), at));
    }
  }

  /// Something to do with one element of the output.
  @FunctionalInterface
  private interface ElementAction {
    void at(int row, int column, long offset);
  }

  private void forEachElement(MoeCall call, ElementAction action) {
    int hidden = plan.layers().get(call.layer()).hidden();
    long stride = spec.outputStride() == 0 ? hidden : spec.outputStride();
    for (int row = 0; row < call.tokens(); row++) {
      for (int column = 0; column < hidden; column++) {
        action.at(row, column, (row * stride + column) * spec.outputType().bytes());
      }
    }
  }

  void close() {
    if (shadow != null) {
      shadow.close();
    }
  }
}
