package dev.tornadomoe.examples.decoder;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Session;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/// A model on the CPU's vector units.
public final class CpuDecoder extends Decoder {
  private final List<Attention> attentions;
  private final Session session;
  private final MoeCall call = new MoeCall();
  private long moeNanos;

  public CpuDecoder(DecoderModel model, Options options) {
    super(model, options);
    DecoderConfig config = model.config();
    float[] angles = Attention.angles(config, options.positions());
    attentions =
        model.layers().stream().map(layer -> new Attention(config, layer, angles)).toList();
    session = Backends.require("cpu").prepare(plan, options.progress());
  }

  @Override
  protected float[] run(int position, int... ids) {
    int tokens = ids.length;
    float[] x = embed(ids); // the residual stream
    float[] normed = new float[x.length];
    for (int i = 0; i < attentions.size(); i++) {
      model.layers().get(i).attentionNorm().apply(x, tokens, normed);
      attentions.get(i).run(position, tokens, normed, x);
      model.layers().get(i).moeNorm().apply(x, tokens, normed);
      long before = System.nanoTime();
      // The plan's residual is in the output: x = x + moe(normed).
      call.layer(i).hidden(MemorySegment.ofArray(normed), tokens).output(MemorySegment.ofArray(x));
      session.run(call);
      moeNanos += System.nanoTime() - before;
    }
    float[] last = Arrays.copyOfRange(x, x.length - model.config().hidden(), x.length);
    model.norm().apply(last, 1, last);
    float[] logits = new float[model.config().vocabulary()];
    Projection.add(model.head(), last, 1, logits);
    return logits;
  }

  @Override
  public Map<String, Long> profile() {
    long moeBefore = moeNanos;
    long before = System.nanoTime();
    run(length, 0);
    long moe = moeNanos - moeBefore;
    return Map.of("all else", System.nanoTime() - before - moe, "moe", moe);
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
