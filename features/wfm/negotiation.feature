@wfm
Feature: Client and WFM agree on a form
  A client may say which forms it understands. The WFM gives it one of them or says that it cannot.

  @req:DS-005 @req:DS-007
  Scenario Outline: A client that accepts <forms> is given its manifest
    When client A asks for its manifest, accepting <forms>
    Then it is given the manifest in the form of the first version

    Examples:
      | forms                                   |
      | the form of the first version           |
      | whatever there is                       |
      | anything                                |
      | any application format                  |
      | a later form first, then this one       |

  @req:DS-004
  Scenario Outline: A client that accepts <forms> only is told that this cannot be given
    Given client A has asked for its manifest
    When client A asks for its manifest, accepting <forms>
    And client A asks for its manifest
    Then the WFM has refused the form that it does not have

    Examples:
      | forms                     |
      | web pages                 |
      | plain text                |
      | pictures                  |
      | a later form              |
      | anything but this form    |

  @needs:northbound @needs:compression @req:DS-050 @req:DS-040 @req:DS-045 @req:DS-041 @req:DS-046 @req:DS-065
  Scenario: Compressed content has the digest of what is inside
    Given client A has been given the primary application
    And the WFM compresses content for those who accept it
    When client A fetches everything its manifest names, accepting compression
    Then what comes compressed unpacks to what was promised

  @needs:northbound @req:DS-050
  Scenario: A client that accepts compression gets the promised content either way
    Given client A has been given the primary application
    When client A fetches everything its manifest names, accepting compression
    And client A fetches everything its manifest names
    Then both ways gave the same content
