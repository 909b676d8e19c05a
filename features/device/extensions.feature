@device
Feature: Extensions
  What a supplier added and the device does not know does no harm.

  @req:AD-030 @req:AD-031 @req:EXT-001 @req:EXT-002
  Scenario: A deployment with unknown extensions is installed
    Given a device that is managed by the WFM
    When the WFM publishes "primary" release 1 with unknown extensions
    Then the device ignores the extensions and installs "primary"
    And it reports the version that "primary" came with

  @req:DEP-04 @req:DS-072
  Scenario: A parameter that nobody knows does no harm
    Given a device that is managed by the WFM
    When the WFM publishes "primary" release 1 with a parameter that nobody knows
    Then the device passes over the parameter and installs "primary"
