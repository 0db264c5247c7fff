package dev.tornadomoe.tornado.tuning;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.contract.LayerSpec;
import dev.tornadomoe.contract.RandomLayer;
import dev.tornadomoe.layer.ExpertMap;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.WeightFormat;
import dev.tornadomoe.tornado.DeviceMemory;
import dev.tornadomoe.tornado.device.DeviceLimits;
import dev.tornadomoe.tornado.device.KernelShape;
import dev.tornadomoe.tornado.weights.DeviceLayer;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Which entry a launch gets, and when it gets the guess.
class TuningLookupTest {
  private static final TuningKey KEY =
      new TuningKey(KernelShape.WORK_GROUPS, 2048, 768, 128, 8, "int4 g32");
  private static final Tuning TUNING =
      new Tuning(
          new GroupShape(512, 8),
          new GroupShape(128, 2),
          16,
          new GroupShape(64, 2),
          new GroupShape(128, 8));

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1",
    "2, 2, 4",
    "4, 2, 4",
    "5, 5, 8",
    "16, 9, 16",
    "17, 17, 32",
    "256, 129, 256",
    "300, 257, 512"
  })
  void anEntryIsForCountsUpToTheNextPowerOfTwo(int tokens, int from, int to) {
    TuningEntry entry = TuningEntry.of(KEY, tokens, TUNING, 1, 1);
    assertThat(entry.fromTokens()).isEqualTo(from);
    assertThat(entry.toTokens()).isEqualTo(to);
    Tunings tunings = Tunings.of(List.of(entry));
    assertThat(tunings.find(KEY, from)).contains(TUNING);
    assertThat(tunings.find(KEY, to)).contains(TUNING);
    assertThat(tunings.find(KEY, from - 1)).isEmpty();
    assertThat(tunings.find(KEY, to + 1)).isEmpty();
  }

  @Test
  void theFirstEntryCounts() {
    Tuning other = TUNING.withGroups(new GroupShape(64, 1), new GroupShape(64, 1));
    assertThat(
            Tunings.of(
                    List.of(
                        TuningEntry.of(KEY, 1, other, 1, 1), TuningEntry.of(KEY, 1, TUNING, 1, 1)))
                .find(KEY, 1))
        .contains(other);
  }

  @Test
  void whateverDiffersFromTheEntryIsGuessed() {
    DeviceTuning device = device(1024, 48 << 10);
    assertThat(device.tuning(KEY, 1)).isEqualTo(TUNING);
    for (TuningKey other :
        List.of(
            new TuningKey(KernelShape.WORK_ITEMS, 2048, 768, 128, 8, "int4 g32"),
            new TuningKey(KernelShape.WORK_GROUPS, 4096, 768, 128, 8, "int4 g32"),
            new TuningKey(KernelShape.WORK_GROUPS, 2048, 512, 128, 8, "int4 g32"),
            new TuningKey(KernelShape.WORK_GROUPS, 2048, 768, 64, 8, "int4 g32"),
            new TuningKey(KernelShape.WORK_GROUPS, 2048, 768, 128, 4, "int4 g32"),
            new TuningKey(KernelShape.WORK_GROUPS, 2048, 768, 128, 8, "int4 g32 act-order"),
            new TuningKey(KernelShape.WORK_GROUPS, 2048, 768, 128, 8, "bf16"))) {
      assertThat(device.tuning(other, 1)).isEqualTo(Tuning.guess(device.limits(), other, 1));
    }
    assertThat(device.tuning(KEY, 2)).isEqualTo(Tuning.guess(device.limits(), KEY, 2));
  }

  @Test
  void whatTheDeviceCanNotRunIsGuessed() {
    for (DeviceTuning small : List.of(device(256, 48 << 10), device(1024, 16 << 10))) {
      assertThat(small.tuning(KEY, 1)).isEqualTo(Tuning.guess(small.limits(), KEY, 1));
    }
  }

  @Test
  void aLayersKeySaysHowItsWeightsAreKept() {
    assertThat(key(WeightFormat.int4(DType.BF16, 24, true, false)).weights())
        .isEqualTo("int4 g24 zero-points");
    assertThat(key(WeightFormat.int4(DType.F16, 24, false, true)).weights())
        .isEqualTo("int4 g24 act-order");
    assertThat(key(WeightFormat.dense(DType.F16)).weights()).isEqualTo("f16");
    assertThat(key(WeightFormat.dense(DType.F32)).weights()).isEqualTo("f32");
    assertThat(key(WeightFormat.dense(DType.BF16)))
        .isEqualTo(new TuningKey(KernelShape.WORK_GROUPS, 96, 40, 5, 3, "bf16"));
  }

  /// A part has as many pairs for each of its experts as the whole.
  @Test
  void aPartOfALayerHasTheKeyOfTheWhole() {
    MoeLayer whole = RandomLayer.of(LayerSpec.odd(), 1);
    assertThat(key(whole.dividedBy(ExpertMap.of(new int[] {-1, 0, -1, -1, -1}))))
        .isEqualTo(key(whole));
    assertThat(key(whole).experts()).isEqualTo(5);
  }

  private static TuningKey key(WeightFormat format) {
    return key(RandomLayer.of(LayerSpec.odd().with(format), 1));
  }

  private static TuningKey key(MoeLayer of) {
    DeviceLimits device = device(1024, 48 << 10).limits();
    MoePlan plan = Planner.builder().build().plan(of);
    DeviceLayer layer = DeviceMemory.load(plan, device, Progress.NONE).layers().getFirst();
    return TuningKey.of(layer, 0, device.shape());
  }

  private static DeviceTuning device(long workGroup, long localBytes) {
    return new DeviceTuning(
        new DeviceLimits("chip", workGroup, localBytes, 1 << 30, 1 << 30, KernelShape.WORK_GROUPS),
        Tunings.of(List.of(TuningEntry.of(KEY, 1, TUNING, 1, 1))));
  }
}
