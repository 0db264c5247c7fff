package dev.tornadomoe.contract;

import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.Gating;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.WeightFormat;
import java.util.Locale;
import java.util.function.Consumer;

/// A layer to be made at random: its sizes and what it has. Starts as H 96, I 40, E 5, top-3, where
/// nothing is a power of two; the methods return changed copies.
public final class LayerSpec {
  private String name = "odd sizes";
  private int hidden = 96;
  private int intermediate = 40;
  private int experts = 5;
  private Gating gating = TopKGating.softmax(3, true);
  private Activation activation = Activation.SILU;
  private WeightFormat format = WeightFormat.dense(DType.BF16);
  private boolean gated = true;
  private boolean biases;
  private boolean correctionBias;
  private int sharedIntermediate;
  private boolean sharedGate;
  private Activation sharedActivation;
  private boolean weightOnInput;
  private int identityExperts;
  private int latent;
  private boolean expertScales;
  private boolean inputNorms;
  private boolean outputNorm;

  private LayerSpec() {}

  public static LayerSpec odd() {
    return new LayerSpec();
  }

  private LayerSpec changed(Consumer<LayerSpec> change) {
    LayerSpec copy = new LayerSpec();
    copy.name = name;
    copy.hidden = hidden;
    copy.intermediate = intermediate;
    copy.experts = experts;
    copy.gating = gating;
    copy.activation = activation;
    copy.format = format;
    copy.gated = gated;
    copy.biases = biases;
    copy.correctionBias = correctionBias;
    copy.sharedIntermediate = sharedIntermediate;
    copy.sharedGate = sharedGate;
    copy.sharedActivation = sharedActivation;
    copy.weightOnInput = weightOnInput;
    copy.identityExperts = identityExperts;
    copy.latent = latent;
    copy.expertScales = expertScales;
    copy.inputNorms = inputNorms;
    copy.outputNorm = outputNorm;
    change.accept(copy);
    return copy;
  }

  public LayerSpec named(String newName) {
    return changed(copy -> copy.name = newName);
  }

  public LayerSpec sized(int newHidden, int newIntermediate, int newExperts, Gating newGating) {
    return changed(copy -> {
      copy.name =
          String.format(
              Locale.ROOT,
              "H %d, I %d, E %d, top-%d",
              newHidden,
              newIntermediate,
              newExperts,
              newGating.topK());
      copy.hidden = newHidden;
      copy.intermediate = newIntermediate;
      copy.experts = newExperts;
      copy.gating = newGating;
    });
  }

  public LayerSpec with(WeightFormat newFormat) {
    return changed(copy -> {
      copy.name = name + ", " + newFormat;
      copy.format = newFormat;
    });
  }

  public LayerSpec with(Activation newActivation, boolean isGated) {
    return changed(copy -> {
      copy.name = name + ", " + newActivation.function() + (isGated ? "" : ", not gated");
      copy.activation = newActivation;
      copy.gated = isGated;
    });
  }

  public LayerSpec with(String newName, Gating newGating, boolean hasCorrection) {
    return changed(copy -> {
      copy.name = newName;
      copy.gating = newGating;
      copy.correctionBias = hasCorrection;
    });
  }

  public LayerSpec withBiases() {
    return changed(copy -> {
      copy.name = name + ", biases";
      copy.biases = true;
    });
  }

  public LayerSpec withShared(int newIntermediate, boolean hasGate) {
    return changed(copy -> {
      copy.name = name + ", shared I " + newIntermediate + (hasGate ? " with gate" : "");
      copy.sharedIntermediate = newIntermediate;
      copy.sharedGate = hasGate;
    });
  }

  /// The shared expert has an activation of its own.
  public LayerSpec withSharedActivation(Activation own) {
    return changed(copy -> {
      copy.name = name + ", shared " + own.function();
      copy.sharedActivation = own;
    });
  }

  /// The router chooses from so many more, which return their input.
  public LayerSpec withIdentities(int count) {
    return changed(copy -> {
      copy.name = name + ", " + count + " identities";
      copy.identityExperts = count;
    });
  }

  /// The experts stand behind a projection to rows of this size, and before one back.
  public LayerSpec withLatent(int size) {
    return changed(copy -> {
      copy.name = name + ", latent " + size;
      copy.latent = size;
    });
  }

  /// Llama 4's way: one expert, its weight on the input.
  public LayerSpec withWeightOnInput() {
    return changed(copy -> {
      copy.name = name + ", weight on input";
      copy.gating = new TopKGating(1, TopKGating.Scoring.SIGMOID_OF_SELECTED, null, false, 1);
      copy.weightOnInput = true;
    });
  }

  /// The weights of the chosen experts are multiplied by scales of their own.
  public LayerSpec withExpertScales() {
    return changed(copy -> {
      copy.name = name + ", expert scales";
      copy.expertScales = true;
    });
  }

  /// Router and experts get the hidden states after norms of the layer's own.
  public LayerSpec withInputNorms() {
    return changed(copy -> {
      copy.name = name + ", input norms";
      copy.inputNorms = true;
    });
  }

  /// The sum goes through a norm of the layer's own.
  public LayerSpec withOutputNorm() {
    return changed(copy -> {
      copy.name = name + ", output norm";
      copy.outputNorm = true;
    });
  }

  boolean expertScales() {
    return expertScales;
  }

  boolean inputNorms() {
    return inputNorms;
  }

  boolean outputNorm() {
    return outputNorm;
  }

  int hidden() {
    return hidden;
  }

  int intermediate() {
    return intermediate;
  }

  int experts() {
    return experts;
  }

  Gating gating() {
    return gating;
  }

  Activation activation() {
    return activation;
  }

  WeightFormat format() {
    return format;
  }

  boolean gated() {
    return gated;
  }

  boolean biases() {
    return biases;
  }

  boolean correctionBias() {
    return correctionBias;
  }

  int sharedIntermediate() {
    return sharedIntermediate;
  }

  boolean sharedGate() {
    return sharedGate;
  }

  Activation sharedActivation() {
    return sharedActivation;
  }

  int identityExperts() {
    return identityExperts;
  }

  int latent() {
    return latent;
  }

  boolean weightOnInput() {
    return weightOnInput;
  }

  @Override
  public String toString() {
    return name;
  }
}
