package dev.tornadomoe.plan;

import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.tensor.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/// One call's arguments from a seed, made anew for every run: a run in place destroys them.
///
/// @param layerIndex the layer's index in the plan
record RandomCall(MoePlan plan, int place, int tokens, long seed) {

  /// What all results hold after a run, the gaps between rows included.
  String run(Session session) {
    Random random = new Random(seed);
    CallSpec spec = plan.options().call();
    MoeLayer layer = plan.layers().get(place);
    int count = tokens * layer.hidden();
    CallerRows outputRows = CallerRows.of(spec, CallerRegion.OUTPUT, layer);
    MemorySegment hidden = rows(random, count, spec.hiddenType());
    MemorySegment output =
        spec.inPlace()
            ? hidden
            : rows(random, (int) outputRows.elements(tokens), spec.outputType());
    MoeCall call = new MoeCall().layer(place).hidden(hidden, tokens).output(output);
    if (spec.residual() == Residual.GIVEN) {
      call.residual(rows(random, count, spec.hiddenType()));
    }
    if (spec.takesRouting()) {
      call.routing(ids(random, layer), rows(random, tokens * layer.topK(), DType.F32));
    }
    if (spec.norm() != null) {
      call.tail(rows(random, layer.hidden(), DType.F32), rows(random, count, spec.outputType()));
    }
    session.run(call);
    return spec.results().stream()
        .map(region -> HexFormat.of().formatHex(bytes(call, region)))
        .collect(Collectors.joining(" "));
  }

  private static byte[] bytes(MoeCall call, CallerRegion region) {
    MemorySegment memory = call.memory(region);
    return memory == null ? new byte[0] : memory.toArray(ValueLayout.JAVA_BYTE);
  }

  private static MemorySegment rows(Random random, int count, DType type) {
    MemorySegment rows = Arena.ofAuto().allocate(Math.max(1, (long) count * type.bytes()), 64);
    for (int i = 0; i < count; i++) {
      float value = (float) random.nextGaussian();
      switch (type) {
        case F32 -> rows.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
        case F16 -> rows.setAtIndex(ValueLayout.JAVA_SHORT, i, Float.floatToFloat16(value));
        // Cut off instead of rounded: any BF16 number will do.
        default ->
            rows.setAtIndex(
                ValueLayout.JAVA_SHORT, i, (short) (Float.floatToRawIntBits(value) >>> 16));
      }
    }
    return rows;
  }

  private MemorySegment ids(Random random, MoeLayer layer) {
    MemorySegment ids = Arena.ofAuto().allocate(4L * tokens * layer.topK(), 64);
    List<Integer> experts =
        new ArrayList<>(IntStream.range(0, layer.globalExperts()).boxed().toList());
    for (int t = 0; t < tokens; t++) {
      Collections.shuffle(experts, random);
      for (int s = 0; s < layer.topK(); s++) {
        ids.setAtIndex(ValueLayout.JAVA_INT, (long) t * layer.topK() + s, experts.get(s));
      }
    }
    return ids;
  }
}
