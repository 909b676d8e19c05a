@device
Feature: Eligibility
  A deployment goes only where its rules let it go, and where it is meant to go.

  @req:AD-024 @req:DEP-02 @req:SEL-06 @req:SEL-08 @req:SEL-09 @req:SEL-10 @behaviour:MM-04 @since:1.0.0-rc.3
  Scenario Outline: A deployment that the device is not eligible for is not installed
    Given a device that is managed by the WFM
    When the WFM publishes "primary" for devices <rule>
    Then the device does not install "primary"
    When the WFM lifts the rule from "primary"
    Then the device installs "primary" and reports it

    Examples:
      | rule                                                  |
      | of another vendor                                     |
      | with a CPU of more cores than anybody has             |
      | with a CPU of no cores                                |
      | with a CPU that meets one condition and not the other |
      | that lack a vendor                                    |
      | with a property that nobody has                       |
      | whose vendor is more than a number                    |
      | of none of two vendors, one of them its own           |
      | that meet neither of two rules                        |
      | whose label has a value                               |
      | whose label, which they lack, has another value       |
      | of any vendor but its own                             |
      | of its vendor in other letters                        |
      | that have a label which it lacks                      |
      | of its vendor but of another model                    |
      | of its vendor with a label which it lacks             |
      | with a CPU that nobody makes                          |
      | whose list of CPUs is a text                          |

  @req:AD-024 @req:DEP-02 @req:SEL-06 @req:SEL-08 @req:SEL-09 @req:SEL-10 @behaviour:MM-04 @since:1.0.0-rc.3
  Scenario Outline: A deployment that the device is eligible for is installed
    Given a device that is managed by the WFM
    When the WFM publishes "primary" for devices <rule>
    Then the device installs "primary", as the rule allows

    Examples:
      | rule                                          |
      | of its vendor                                 |
      | of either of two vendors, one of them its own |
      | that meet one of two rules                    |
      | that lack a label                             |
      | that have a vendor                            |
      | with a CPU of its architecture                |
      | with a CPU of more than no cores              |
      | with a CPU of fewer cores than anybody has    |
      | with a CPU that meets two conditions at once  |
      | with a CPU that meets one of two conditions   |
      | with a memory                                 |
      | that lack a property                          |
      | of none of two other vendors                  |

  @req:DS-076 @behaviour:MM-07
  Scenario: A deployment for another device is not installed
    Given the device runs "primary" release 1
    When the WFM publishes "secondary" for another device
    Then the device does not install "secondary", which is not for it
    And the device leaves "primary" alone
    When the WFM publishes "secondary" release 1
    Then the device installs "secondary" and reports it

  @req:DC-022 @feature:capacity-check @since:1.0.0-rc.3
  Scenario: The cores of several CPUs are not added up
    Given a device that is managed by the WFM
    When the WFM publishes "primary" for a CPU with one core more than any of the device's has
    Then the device does not install "primary", since no CPU has the cores
    When the WFM publishes "primary" for a CPU with as many cores as one of the device's has
    Then the device installs "primary" and reports it
