package com.example;

import com.github.tjake.jlama.math.ActivationFunction;
import com.github.tjake.jlama.model.AbstractModel;
import com.github.tjake.jlama.model.functions.FeedForward;
import com.github.tjake.jlama.tensor.AbstractTensor;
import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.ExpertWeights;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.tensor.DType;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/// Jlama's MoE block on a session of this library. It is made of what Jlama's own `MoEBlock` is
/// made of, in the same order: a subclass of `MixtralModel` makes this one in
/// `loadTransformerBlockWeights`.
///
/// One call at a time, as with Jlama's own.
@SuppressWarnings("rawtypes") // Jlama's tensors
public final class SessionFeedForward implements FeedForward, AutoCloseable {
  /// What Jlama cuts prompts into.
  private static final int MOST_TOKENS = Integer.getInteger("jlama.max_batch_size", 256);

  private final AbstractModel model;
  private final Session session;

  /// @param gate the router, `[E, H]`
  /// @param w1 gates, `[I, H]` each
  /// @param w2 down projections, `[H, I]` each
  /// @param w3 up projections, `[I, H]` each
  /// @throws IllegalArgumentException for a part of a model on one of several nodes, or for tensors
  ///   that are not F32, BF16 or Q4
  public SessionFeedForward(
      AbstractModel model,
      int experts,
      int expertsPerToken,
      ActivationFunction.Type activation,
      AbstractTensor gate,
      AbstractTensor[] w1,
      AbstractTensor[] w2,
      AbstractTensor[] w3) {
    if (model.getConfig().dctx().hasModelShard()) {
      throw new IllegalArgumentException("the model is divided among nodes, expected all of it");
    }
    List<Mlp> mlps = new ArrayList<>();
    for (int e = 0; e < experts; e++) {
      mlps.add(
          Mlp.gated(
              JlamaWeights.of("expert " + e + " w1", w1[e]),
              JlamaWeights.of("expert " + e + " w3", w3[e]),
              JlamaWeights.of("expert " + e + " w2", w2[e])));
    }
    TopKGating gating = TopKGating.softmax(expertsPerToken, true);
    MoeLayer layer =
        MoeLayer.of(
            0,
            new Router(JlamaWeights.of("router", gate), null, null, gating),
            ExpertWeights.of(mlps, activation(activation)),
            null);
    DType rows = JlamaWeights.type("rows", model.getWorkingDType());
    Planner planner =
        Planner.builder().maxTokens(MOST_TOKENS).hiddenType(rows).outputType(rows).build();
    this.model = model;
    this.session = Backends.auto().prepare(planner.plan(layer));
  }

  private static Activation activation(ActivationFunction.Type activation) {
    return switch (activation) {
      case SILU -> Activation.SILU;
      case GELU, GELU_PYTORCH_TANH -> Activation.GELU_TANH;
      case TANH -> throw new IllegalArgumentException("experts with tanh, expected SiLU or GELU");
    };
  }

  /// @param rows `[tokens, H]`
  /// @param reducer adds up the parts of several nodes, of which there is one
  /// @return `[tokens, H]`, the caller's to close
  @Override
  public AbstractTensor forward(
      AbstractTensor rows, Optional<Consumer<List<AbstractTensor>>> reducer) {
    int tokens = rows.shape().first();
    AbstractTensor output = model.makeTensor(tokens, rows.shape().last());
    session.run(rows.getMemorySegment(), tokens, output.getMemorySegment());
    return output;
  }

  @Override
  public void close() {
    session.close();
  }
}
