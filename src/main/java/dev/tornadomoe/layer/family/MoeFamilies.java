package dev.tornadomoe.layer.family;

import dev.tornadomoe.checkpoint.ModelConfig;
import dev.tornadomoe.layer.LayerException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.TreeMap;

/// The families among which a config's `model_type` is looked up: our own, those that
/// `ServiceLoader` finds on the class path
/// (`META-INF/services/dev.tornadomoe.layer.family.MoeFamily`), and those that a program adds
/// itself.
///
/// Two families that claim the same model type are an error when a checkpoint of that type is
/// opened, never a choice by the order of a class path; all other types stay usable.
public final class MoeFamilies {
  private static final List<OwnFamily> OWN =
      List.of(
          new Mixtral(),
          new QwenMoe(),
          new Qwen35Moe(),
          new Olmoe(),
          new DeepseekV2(),
          new DeepseekV3(),
          new DeepseekV4(),
          new AxK1(),
          new Gemma4(),
          new GptOss(),
          new GraniteMoe(),
          new PhiMoe(),
          new Llama4(),
          new ErnieMoe(),
          new ErnieVlMoe(),
          new HunyuanMoe(),
          new MiniMax(),
          new Lfm2Moe(),
          new LongcatFlash(),
          new NemotronH(),
          new Jamba(),
          new ExaoneMoe(),
          new BailingMoe(),
          new Afmoe(),
          new KimiLinear(),
          new HunyuanV3(),
          new Laguna(),
          new MiniMaxM3(),
          new ClampedDeepseek(),
          new Mistral4(),
          new Step3p5(),
          new CohereMoe(),
          new AxK2(),
          new Dbrx(),
          new Aria(),
          new JetMoe(),
          new Inkling(),
          new Zaya());

  /// Model types of transformers and of releases whose layers none here can say, and why.
  private static final Map<String, String> REFUSED =
      Map.of(
          "doge", "its router gives a token other experts when it comes with other tokens",
          "nemotron_h_puzzle", "its layers have experts of different sizes and numbers",
          "nllb-moe", "its own code runs only two of its experts",
          "switch_transformers", "its experts drop tokens beyond their capacity");

  private final Map<String, List<MoeFamily>> byModelType;
  private final List<String> broken;

  private MoeFamilies(Map<String, List<MoeFamily>> byModelType, List<String> broken) {
    Map<String, List<MoeFamily>> copy = new TreeMap<>();
    byModelType.forEach((type, families) -> copy.put(type, List.copyOf(families)));
    this.byModelType = Collections.unmodifiableMap(copy);
    this.broken = List.copyOf(broken);
  }

  /// {@return our own families and those on the class path that this class was loaded from}
  public static MoeFamilies installed() {
    return builder().build();
  }

  /// {@return what is known of our own families, a row of `docs/formats.md` each}
  public static List<ModelNotes> notes() {
    return OWN.stream().flatMap(family -> family.notes().stream()).toList();
  }

  /// Starts from [#installed].
  ///
  /// @return a builder with those families
  public static Builder builder() {
    return new Builder(MoeFamilies.class.getClassLoader());
  }

  /// Starts from our own and those that another class loader finds.
  ///
  /// @param loader whose `META-INF/services` are read
  /// @return a builder with those families
  public static Builder builder(ClassLoader loader) {
    return new Builder(loader);
  }

  /// {@return all model types, in alphabetical order}
  public Set<String> modelTypes() {
    return byModelType.keySet();
  }

  /// The family of a config.
  ///
  /// @throws LayerException for a `model_type` that is refused, with the reason, that is unknown,
  ///   with the list of known ones, or that two families claim, with both
  MoeFamily of(ModelConfig config) {
    String modelType = config.modelType();
    List<MoeFamily> claiming = byModelType.getOrDefault(modelType, List.of());
    String reason = REFUSED.get(modelType);
    if (claiming.isEmpty() && reason != null) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "model_type \"%s\" is not supported, since %s: run this model with transformers or"
                  + " vLLM",
              modelType,
              reason));
    }
    if (claiming.isEmpty()) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "model_type \"%s\" is not supported (supported: %s)%s",
              modelType,
              String.join(", ", modelTypes()),
              broken.isEmpty() ? "" : "; " + String.join("; ", broken)));
    }
    if (claiming.size() > 1) {
      throw claimedTwice(modelType, claiming.get(0), claiming.get(1));
    }
    return claiming.getFirst();
  }

  private static LayerException claimedTwice(String modelType, MoeFamily one, MoeFamily other) {
    return new LayerException(
        String.format(
            Locale.ROOT,
            "model_type \"%s\" is claimed by two families, %s and %s; take one off the class path,"
                + " or say which with MoeFamilies.builder().replace",
            modelType,
            nameOf(one),
            nameOf(other)));
  }

  private static String nameOf(MoeFamily family) {
    return family.getClass().getName();
  }

  /// Adds families to the installed ones.
  public static final class Builder {
    private final Map<String, List<MoeFamily>> byModelType = new TreeMap<>();
    private final List<String> broken = new ArrayList<>();

    private Builder(ClassLoader loader) {
      OWN.forEach(this::claim);
      load(loader);
    }

    private void load(ClassLoader loader) {
      Iterator<MoeFamily> families = ServiceLoader.load(MoeFamily.class, loader).iterator();
      while (true) {
        try {
          if (!families.hasNext()) {
            return;
          }
          claim(families.next());
        } catch (ServiceConfigurationError | LinkageError e) {
          // Said where a model type is missed: it may be this one's.
          broken.add("a family can't be loaded: " + e.getMessage());
        }
      }
    }

    private void claim(MoeFamily family) {
      for (String modelType : family.modelTypes()) {
        byModelType.computeIfAbsent(modelType, type -> new ArrayList<>()).add(family);
      }
    }

    /// Adds a family for model types that are not known yet.
    ///
    /// @param family that claims model types nobody else claims
    /// @return this builder
    /// @throws LayerException when one of them is, with the name of the family that claims it
    public Builder add(MoeFamily family) {
      for (String modelType : family.modelTypes()) {
        List<MoeFamily> claiming = byModelType.get(modelType);
        if (claiming != null) {
          throw claimedTwice(modelType, claiming.getFirst(), family);
        }
      }
      claim(family);
      return this;
    }

    /// Adds a family in place of whichever ones claim its model types so far.
    ///
    /// @param family that wins over others
    /// @return this builder
    public Builder replace(MoeFamily family) {
      family.modelTypes().forEach(byModelType::remove);
      claim(family);
      return this;
    }

    /// {@return the families that were put together}
    public MoeFamilies build() {
      return new MoeFamilies(byModelType, broken);
    }
  }
}
