package dev.tornadomoe.tornado;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/// The rooms of the device backend: docs/architecture.md.
class DeviceRoomsTest {
  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("dev.tornadomoe.tornado");

  @Test
  void noCircles() {
    slices().matching("dev.tornadomoe.(**)").should().beFreeOfCycles().check(CLASSES);
  }

  @Test
  void roomsDoNotKnowTheHouse() {
    noClasses()
        .that()
        .resideInAPackage("dev.tornadomoe.tornado.*..")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("dev.tornadomoe.tornado")
        .because("what a user meets is made of them")
        .check(CLASSES);
  }
}
