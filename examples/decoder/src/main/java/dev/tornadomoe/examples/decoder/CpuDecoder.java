package dev.tornadomoe.examples.decoder;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.backend.Session;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// A model on the CPU's vector units.
public final class CpuDecoder extends Decoder {
  private final List<Attention> attentions;
  private final Session session;
  private final MoeCall call = new MoeCall();

  /// See [Loader].
  public CpuDecoder(DecoderModel model, DecoderOptions options, Progress progress) {
    super(model, options.positions(), options.chunk());
    Rotation rotation = new Rotation(model.config(), options.positions());
    attentions =
        model.layers().stream()
            .map(layer -> new Attention(model.config(), layer, rotation, options.positions()))
            .toList();
    session = Backends.require("cpu").prepare(options.plan(model, chunk), progress);
  }

  @Override
  protected float[] run(int first, int[] ids, @Nullable Map<String, Long> nanos) {
    long start = System.nanoTime();
    long moe = 0;
    int tokens = ids.length;
    int hidden = model.config().hidden();
    float[] x = new float[tokens * hidden]; // the residual stream
    float[] normed = new float[tokens * hidden];
    for (int t = 0; t < tokens; t++) {
      model.embedding().decodeRow(ids[t], x, t * hidden);
    }
    for (int place = 0; place < attentions.size(); place++) {
      DecoderModel.Layer layer = model.layers().get(place);
      layer.attentionNorm().apply(x, tokens, normed);
      attentions.get(place).run(first, tokens, normed, x);
      layer.moeNorm().apply(x, tokens, normed);
      long before = System.nanoTime();
      // The plan's residual is in the output: x = x + moe(normed).
      call.layer(place)
          .hidden(MemorySegment.ofArray(normed), tokens)
          .output(MemorySegment.ofArray(x));
      session.run(call);
      moe += System.nanoTime() - before;
    }
    float[] last = Arrays.copyOfRange(x, (tokens - 1) * hidden, tokens * hidden);
    model.norm().apply(last, 1, last);
    float[] logits = new float[model.config().vocabulary()];
    Projection.add(model.head(), last, 1, logits);
    if (nanos != null) {
      nanos.put("moe", moe);
      nanos.put("all else", System.nanoTime() - start - moe);
    }
    return logits;
  }

  @Override
  public long copies() {
    return session.copies();
  }

  @Override
  public void close() {
    session.close();
  }
}
